# shellcheck shell=sh disable=SC2154
# Put beside etcd's snapshot what its cluster can't be brought back without, and a manifest. Variables: folder.
set -eu
umask 077
set --
for path in etc/kubernetes/pki etc/kubernetes/manifests etc/kubernetes/bundler etc/bundler/kubeadm.yml \
    var/lib/kubelet/config.yaml var/lib/kubelet/kubeadm-flags.env \
    var/lib/bundler/record.json var/lib/bundler/secrets.json var/lib/bundler/releases; do
    [ ! -e "/$path" ] || set -- "$@" "$path"
done
tar -C / -cf "$folder/files.tar" "$@"

digest() { sha256sum "$1" | cut -d' ' -f1; }
part() { printf '"%s":{"sha256":"%s","size":%s}' "$1" "$(digest "$folder/$1")" "$(stat -c %s "$folder/$1")"; }
version() { sed -n 's/^ *image: .*:\([^:@]*\).*/\1/p' "/etc/kubernetes/manifests/$1.yaml" | head -n 1; }
record=null
[ ! -s /var/lib/bundler/record.json ] || record=$(cat /var/lib/bundler/record.json)
printf '{"format":1,"made":"%s","host":"%s","kubernetes":"%s","etcd":"%s","ca":"%s","status":%s,"record":%s,"files":{%s,%s}}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(cat /proc/sys/kernel/hostname)" "$(version kube-apiserver)" "$(version etcd)" \
    "$(digest /etc/kubernetes/pki/ca.crt)" "$(etcdutl snapshot status "$folder/etcd.db" -w json)" "$record" \
    "$(part files.tar)" "$(part etcd.db)" >"$folder/manifest.json"
