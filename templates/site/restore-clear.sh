# shellcheck shell=sh disable=SC2154
# Take the cluster off this host, and leave what it is made with: another one, from a snapshot, comes in its place. What
# etcd held stays as bundler-old beside its data. Nothing may run any more (stop.sh). Variables: again (not empty: what
# is here is of a restore that was broken off, and nothing to keep).
set -eu
data=/var/lib/etcd
if [ -d "$data/member" ]; then
    if [ -n "$again" ]; then
        rm -rf "$data/member"
    else
        rm -rf "$data/bundler-old"
        mv "$data/member" "$data/bundler-old"
    fi
fi
rm -f /etc/kubernetes/*.conf /etc/kubernetes/manifests/*.yaml /var/lib/bundler/etcd-restored
rm -rf /etc/kubernetes/pki /var/lib/kubelet/pki /var/lib/bundler/rotate-ca
# What was done for the cluster that was is not done for the one that comes.
journal=/var/lib/bundler/journal
if [ -f "$journal" ]; then
    grep -v '"step": "\(control-plane\|workers\|network\|apps\)/' "$journal" >"$journal.new" || :
    mv -f "$journal.new" "$journal"
fi
