# shellcheck shell=sh disable=SC2154
# Remove images that no container here was made from. Standard input: their names. Variables: store (not used here).
set -eu
: "$store"
used=$(ctr -n k8s.io containers ls | awk 'NR > 1 { print $2 }')
there=$(ctr -n k8s.io images ls -q)
while read -r name; do
    if printf '%s\n' "$used" | grep -qxF -e "$name"; then continue; fi
    if printf '%s\n' "$there" | grep -qxF -e "$name"; then ctr -n k8s.io images rm "$name" </dev/null >/dev/null; fi
done
