# shellcheck shell=sh disable=SC2154
# Whether a snapshot can be restored: it is, into a folder that goes again. Prints hash, revision, keys and size.
# Variables: snapshot (file).
set -eu
umask 077
trial=/var/lib/bundler/trial-restore
trap 'rm -rf "$trial"' EXIT
rm -rf "$trial"
etcdutl snapshot status "$snapshot" -w simple
said=$(etcdutl snapshot restore "$snapshot" --data-dir "$trial" --name trial --initial-cluster trial=http://127.0.0.1:2380 \
    --initial-advertise-peer-urls http://127.0.0.1:2380 2>&1) || {
    printf '%s\n' "$said" | tail -n 5 >&2
    exit 1
}
