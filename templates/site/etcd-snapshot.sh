# shellcheck shell=sh disable=SC2154
# Save what etcd holds before its members change; the last two are kept. Variables: reason (a word for the file's name).
set -eu
umask 077
folder=/var/lib/bundler/snapshots
mkdir -p "$folder"
# etcd's container sees this folder of the host.
etcdctl --endpoints "$etcd_here" --command-timeout 600s snapshot save /var/lib/etcd/bundler-snapshot.db >/dev/null
chmod 0600 /var/lib/etcd/bundler-snapshot.db
mv -f /var/lib/etcd/bundler-snapshot.db "$folder/$(date -u +%Y%m%dT%H%M%SZ)-$reason.db"
find "$folder" -name '*.db' | sort | head -n -2 | xargs -r rm -f
