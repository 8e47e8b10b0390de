# shellcheck shell=sh disable=SC2154
# Whether this host can go back, asked before anything is stopped: what the version ran with is there and whole, images
# included. Variables: keep (its folder), version, data (not empty: etcd's data goes back, too).
set -eu
[ -e "$keep/done" ] || {
    echo "nothing that $version ran with is kept here" >&2
    exit 1
}
kubelet=$("$keep/root/usr/local/bin/kubelet" --version)
[ "$kubelet" = "Kubernetes $version" ] || {
    echo "the kept kubelet is $kubelet" >&2
    exit 1
}
manifests=$keep/root/etc/kubernetes/manifests
[ -d "$manifests" ] || exit 0
images() { sed -n 's/^ *image: *//p' "$@"; }
images "$manifests"/*.yaml | sort -u | while read -r image; do
    if ctr -n k8s.io images ls -q </dev/null | grep -qxF -e "$image"; then continue; fi
    ctr -n k8s.io images pull --hosts-dir /etc/bundler/certs.d "$image" </dev/null >/dev/null || {
        echo "the image $image is neither here nor in the site's registries" >&2
        exit 1
    }
done
if [ -z "$data" ]; then
    minor() { images "$1" | sed 's/.*:v\{0,1\}\([0-9]*\.[0-9]*\).*/\1/'; }
    before=$(minor "$manifests/etcd.yaml") now=$(minor /etc/kubernetes/manifests/etcd.yaml)
    [ "$before" = "$now" ] || {
        echo "etcd $before can't read what etcd $now wrote: restore a snapshot" >&2
        exit 1
    }
else
    sha256sum -c --status "$keep/etcd.db.sha256" || {
        echo "$keep/etcd.db is not the snapshot that was taken: it was altered" >&2
        exit 1
    }
    etcd_image=$(images "$manifests/etcd.yaml")
fi
