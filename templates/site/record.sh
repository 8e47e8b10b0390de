# shellcheck shell=sh disable=SC2154
# Keep the site's record, if the one that is there is the one that was read. Standard input: the record, one line.
# Variables: file, before and now (GENERATION.SERIAL, or `none`), removing (a mark that is void from now on, or nothing).
set -eu
umask 077
folder=${file%/*}
mkdir -p "$folder"
chmod 0700 "$folder"
exec 9>"$folder/record.lock"
flock 9
found=none
[ ! -f "$file.age" ] || found=$(cat "$file.age")
# A host that was wiped, or joins only now, has none yet.
if [ "$found" != none ] && [ "$found" != "$before" ] && [ "$found" != "$now" ]; then exit 77; fi
cat >"$file.new"
mv -f "$file.new" "$file"
printf '%s\n' "$now" >"$file.age"
[ -z "$removing" ] || rm -f "$removing"
