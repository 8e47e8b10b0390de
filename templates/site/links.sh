# shellcheck shell=sh disable=SC2154
# Name images in the registry's store. Variables: root. Standard input: lines "FOLDER HEX"; each gets a file `link`.
set -eu
umask 022
mkdir -p "$root"
cd "$root"
list=$(mktemp /var/lib/bundler/links.XXXXXX)
trap 'rm -f "$list"' EXIT
cat >"$list"
cut -d' ' -f1 "$list" | xargs -r mkdir -p --
while read -r folder hex; do
    printf 'sha256:%s' "$hex" >"$folder/link"
done <"$list"
