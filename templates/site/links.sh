# shellcheck shell=sh disable=SC2154
# Name images in the registry's store. Variables: root, unit. Standard input: lines "FOLDER HEX"; each gets a file `link`.
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
# A registry that runs keeps its view of a store that was deleted whole, and would never see the new one.
pid=$(systemctl show -p MainPID --value "$unit" 2>/dev/null || :)
if [ "${pid:-0}" -gt 0 ] && [ "$(stat -c %i "$root")" != "$(stat -c %i "/proc/$pid/root$root" 2>/dev/null)" ]; then
    systemctl restart "$unit"
fi
