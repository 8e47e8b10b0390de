# shellcheck shell=sh disable=SC2154
# Give this node its new address, wherever the old one stands. Variables: pairs (OLD=NEW of every host that moved),
# control (not empty: it is a control plane, whose certificates carry addresses), listen (this host's old address, where
# etcd's members still know each other by their old ones: its etcd listens there as well). Standard input, on control
# planes: kubeadm's configuration for this host. Run again, it finds nothing left to replace and ends the same.
set -eu
export LC_ALL=C.UTF-8
umask 077
state=/var/lib/bundler
work=$(mktemp -d $state/readdress.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$work/config"

if [ ! -e $state/readdressing ]; then
    kept=$state/kept-addresses
    rm -rf "$kept"
    mkdir -p "$kept"
    for old in /etc/kubernetes /etc/hosts /etc/bundler /var/lib/kubelet/kubeadm-flags.env $state/journal; do
        [ ! -e "$old" ] || cp -a "$old" "$kept/$(printf '%s' "${old#/}" | tr / -)"
    done
    : >$state/readdressing
fi

# Two hosts may have swapped addresses, so each goes by way of a word that is no address.
number=0
for pair in $pairs; do
    number=$((number + 1))
    old=$(printf '%s' "${pair%%=*}" | sed 's/[.]/\\./g')
    new=${pair#*=}
    # An address ends where neither a digit nor a letter, a point or a colon with more of it follows.
    printf 's/(^|[^0-9A-Za-z.])%s($|[^0-9A-Za-z.])/\\1@bundler-%s@\\2/g\n' "$old" "$number" >>"$work/away"
    printf 's/(^|[^0-9A-Za-z.])%s($|[^0-9A-Za-z.])/\\1@bundler-%s@\\2/g\n' "$old" "$number" >>"$work/away"
    printf 's/@bundler-%s@/%s/g\n' "$number" "$new" >>"$work/back"
done
replace_in() {
    [ -f "$1" ] || return 0
    sed -E -f "$work/away" "$1" | sed -f "$work/back" >"$work/new"
    cmp -s "$1" "$work/new" || cat "$work/new" >"$1"
}

systemctl stop kubelet.service
etcd=/etc/kubernetes/manifests/etcd.yaml
# What an earlier run has added is no address to replace.
[ -z "$listen" ] || sed -i "s|,https://$listen:2380\$||" "$etcd"
for file in /etc/kubernetes/manifests/*.yaml /etc/kubernetes/*.conf /var/lib/kubelet/kubeadm-flags.env \
    $state/journal /etc/bundler/endpoint.cfg /etc/bundler/vip.conf /etc/bundler/kubeadm.yml \
    /etc/bundler/registry.yml; do
    replace_in "$file"
done
for name in site endpoint; do
    sed -n "/^# bundler begin $name\$/,/^# bundler end $name\$/p" /etc/hosts >"$work/block"
    [ -s "$work/block" ] || continue
    replace_in "$work/block"
    sed '1d;$d' "$work/block" | ledger_block /etc/hosts "$name"
done

if [ -n "$control" ]; then
    for name in apiserver etcd/server etcd/peer; do
        rm -f "/etc/kubernetes/pki/$name.crt" "/etc/kubernetes/pki/$name.key"
    done
    for phase in apiserver etcd-server etcd-peer; do
        kubeadm init phase certs $phase --config "$work/config" 2>&1
    done
    [ -z "$listen" ] || sed -i "s|--listen-peer-urls=.*|&,https://$listen:2380|" "$etcd"
    pods_anew "$(date +%s)" etcd kube-apiserver kube-controller-manager kube-scheduler
fi
rm -f /var/lib/kubelet/pki/kubelet-server-current.pem
if [ -f /etc/systemd/system/bundler-endpoint.service ]; then systemctl restart bundler-endpoint.service; fi
if [ -f /etc/systemd/system/bundler-vip.service ]; then systemctl restart bundler-vip.service; fi
if [ -f /etc/systemd/system/bundler-registry.service ]; then systemctl restart bundler-registry.service; fi
systemctl start kubelet.service
