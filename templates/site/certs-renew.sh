# shellcheck shell=sh disable=SC2154
# New certificates for this node, whether or not the old ones still hold and the API answers. Variables: node (its name),
# control (not empty: the cluster's keys are here), client (a file with the kubelet's new certificate and key in base64,
# which goes away; empty: they are made here), names (not empty: the API server's certificate is made anew with the names
# of the configuration). Standard input: kubeadm's configuration of the cluster, of control planes.
# A mark says that it has begun; certs-renewed.sh takes it away. Run again, it begins anew.
set -eu
export LC_ALL=C.UTF-8
umask 077
state=/var/lib/bundler
work=$(mktemp -d $state/renew.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ ! -e $state/renewing ]; then
    # What the old ones were, keys and all, for a way back by hand. Two generations stay.
    kept=$state/kept-certificates/$(date +%Y%m%dT%H%M%S)
    mkdir -p "$kept"
    for old in /etc/kubernetes/pki /etc/kubernetes/*.conf /var/lib/kubelet/pki; do
        [ ! -e "$old" ] || cp -a "$old" "$kept/$(printf '%s' "${old#/}" | tr / -)"
    done
    find $state/kept-certificates -mindepth 1 -maxdepth 1 | sort | head -n -2 | xargs -r rm -rf
    : >$state/renewing
fi

if [ -n "$control" ]; then
    cat >"$work/config"
    if [ -n "$names" ]; then
        rm -f /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key
        kubeadm init phase certs apiserver --config "$work/config" 2>&1
    fi
    kubeadm certs renew all --config "$work/config" 2>&1
fi

# The kubelet's own, in the form in which it keeps them.
if [ -n "$client" ]; then
    base64 -d "$client" >"$work/client.pem"
    rm -f "$client"
else
    kubelet_client "$node" "$work/config" >"$work/client.pem"
fi
systemctl stop kubelet.service
kubelet_take "$work/client.pem"
if [ -n "$control" ]; then
    # etcd reads its certificates at every handshake; these three read some of theirs at the start alone.
    pods_anew "$(date +%s)" kube-apiserver kube-controller-manager kube-scheduler
fi
systemctl start kubelet.service
