# shellcheck shell=sh disable=SC2154
# Keep the list of what a bundle brings; the newest is the one that was last begun. Standard input: the list.
# Variables: name (PRODUCT VERSION).
set -eu
umask 077
folder=/var/lib/bundler/bundles
mkdir -p "$folder"
cat >"$folder/.new"
mv -f "$folder/.new" "$folder/$name"
