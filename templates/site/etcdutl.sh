# shellcheck shell=sh disable=SC2154
# etcd's tool for its files: from the folder `etcd_tools`, where that is set, else the host's, else the one in the image
# `etcd_image`, which containerd has. It needs no etcd that runs.
etcdutl() (
    for tool in "${etcd_tools:-/nowhere}/etcdutl" /usr/local/bin/etcdutl; do
        [ ! -x "$tool" ] || exec "$tool" "$@"
    done
    [ -n "${etcd_image:-}" ] || {
        echo "this host has no etcdutl" >&2
        exit 1
    }
    place=$(mktemp -d /var/lib/bundler/etcdutl.XXXXXX)
    trap 'umount "$place" 2>/dev/null; rmdir "$place"' EXIT
    ctr -n k8s.io images mount "$etcd_image" "$place" >/dev/null
    "$place/usr/local/bin/etcdutl" "$@"
)
