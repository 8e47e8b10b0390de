# shellcheck shell=sh disable=SC2154
# Keep a snapshot of this control plane, and the newest ones only. Variables: folder, timed (where they are kept), keep
# (how many).
set -eu
umask 077
mkdir -p "$timed"
chmod 0700 "$timed"
name=$timed/$(date -u +%Y%m%dT%H%M%SZ).tar
tar -C "$folder" -cf "$name.part" manifest.json files.tar etcd.db
sync "$name.part"
mv -f "$name.part" "$name"
rm -rf "$folder"
find "$timed" -name '*.tar.part' -delete
find "$timed" -name '*.tar' | sort | head -n "-$keep" | xargs -r rm -f
