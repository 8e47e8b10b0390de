# shellcheck shell=sh disable=SC2154
# Save what etcd holds into an empty folder of ours. Variables: folder.
set -eu
umask 077
rm -rf "$folder"
mkdir -p "$folder"
# The snapshot, its trial restore, and the archive of both.
needed=$(($(stat -c %s /var/lib/etcd/member/snap/db) * 3 / 1024 + 65536))
free=$(df -Pk "$folder" | sed 1d | while read -r _ _ _ free _; do echo "$free"; done)
if [ "$free" -lt "$needed" ]; then
    echo "No space left on device: a snapshot needs $((needed / 1024)) MiB in $folder, $((free / 1024)) MiB are free" >&2
    exit 1
fi
snapshot=$folder/etcd.db
# etcd's container sees this folder of the host.
saved=/var/lib/etcd/bundler-$$.db
trap 'rm -f "$saved" "$saved.part"' EXIT
etcdctl --endpoints "$etcd_here" --command-timeout 600s snapshot save "$saved" >/dev/null
chmod 0600 "$saved"
mv -f "$saved" "$snapshot"
etcd_image=$(sed -n 's/^ *image: *//p' /etc/kubernetes/manifests/etcd.yaml | head -n 1)
