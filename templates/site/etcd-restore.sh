# shellcheck shell=sh disable=SC2154
# Make the data of this host's etcd member from a snapshot. Every member is made from the same file, with the same token
# and list. The data until now stays as bundler-old in the same folder, which may be a disk of its own.
# Variables: snapshot (file), data (etcd's folder), name (the member's), peer (its URL), cluster (NAME=URL,…), token (a
# word for this restore: what was restored under it is not restored again), unhashed (not empty: the file is a copy of
# a member's database, which carries no checksum).
set -eu
umask 077
mark=/var/lib/bundler/etcd-restored
if [ -d "$data/member" ] && [ "$(cat "$mark" 2>/dev/null)" = "$token" ]; then exit 0; fi
for process in /proc/[0-9]*/comm; do
    if [ "$(cat "$process" 2>/dev/null)" = etcd ]; then
        echo "etcd still runs here: stop it before its data is replaced" >&2
        exit 1
    fi
done
mkdir -p "$data"
new=$data/bundler-new
rm -rf "$new"
# Clients that still hold revisions of the lost time must not take old objects for newer ones.
said=$(etcdutl snapshot restore "$snapshot" --data-dir "$new" --name "$name" \
    --initial-cluster "$cluster" --initial-cluster-token "$token" --initial-advertise-peer-urls "$peer" \
    --bump-revision 1000000000 --mark-compacted ${unhashed:+--skip-hash-check} 2>&1) || {
    printf '%s\n' "$said" | tail -n 5 >&2
    rm -rf "$new"
    exit 1
}
if [ -d "$data/member" ]; then
    rm -rf "$data/bundler-old"
    mv "$data/member" "$data/bundler-old"
fi
mv "$new/member" "$data/member"
rm -rf "$new"
sync
printf '%s\n' "$token" >"$mark.new" && mv -f "$mark.new" "$mark"
