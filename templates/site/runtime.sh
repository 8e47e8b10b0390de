# shellcheck shell=sh disable=SC2154
# Unpack the frozen installer; it carries Helm's agent. Variables: archive, folder.
set -eu
rm -rf "$folder.new"
mkdir -p "$folder.new"
tar -xzf "$archive" -C "$folder.new"
rm -rf "$folder"
mv "$folder.new" "$folder"
rm -f "$archive"
