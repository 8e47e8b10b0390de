# shellcheck shell=sh disable=SC2154
# Save what etcd holds before its members change; the last two are kept. Variables: reason (a word for the file's name),
# keep (the folder of the version that runs, where the snapshot is kept for the way back; or nothing).
set -eu
umask 077
folder=/var/lib/bundler/snapshots
mkdir -p "$folder"
# etcd's container sees this folder of the host.
etcdctl --endpoints "$etcd_here" --command-timeout 600s snapshot save /var/lib/etcd/bundler-snapshot.db >/dev/null
chmod 0600 /var/lib/etcd/bundler-snapshot.db
file=$folder/$(date -u +%Y%m%dT%H%M%SZ)-$reason.db
mv -f /var/lib/etcd/bundler-snapshot.db "$file"
find "$folder" -name '*.db' | sort | head -n -2 | xargs -r rm -f
if [ -n "$keep" ]; then
    mkdir -p "$keep"
    etcd_keys >"$keep/etcd.keys"
    printf '%s  %s\n' "$(sha256sum <"$file" | cut -c1-64)" "$keep/etcd.db" >"$keep/etcd.db.sha256"
    ln -f "$file" "$keep/etcd.db" 2>/dev/null || cp -a "$file" "$keep/etcd.db"
fi
