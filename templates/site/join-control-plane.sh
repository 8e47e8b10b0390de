# shellcheck shell=sh disable=SC2154
# Join this host as a control plane. Variables: config; discovery (holds a token and the address of a control plane that
# is up) and pki (the keys that all control planes share, packed): both gone afterwards, whatever happens; endpoint (the
# API's name), own (this host's address), node (its name), phases, ignored (names of checks), inputs (a digest of the
# configuration).
set -eu
case $own in *:*) own_url="[$own]" ;; *) own_url=$own ;; esac
: "$inputs"
export LC_ALL=C.UTF-8
trap 'rm -f "$discovery" "$pki"' EXIT
trap 'exit 1' HUP INT TERM

# The kubelet can't watch a folder that is not there, and looks for it again only every 20 s.
mkdir -p /etc/kubernetes/manifests
(
    umask 077
    mkdir -p /etc/kubernetes/pki
    base64 -d <"$pki" | tar -xzf - -C /etc/kubernetes/pki --no-same-owner --no-same-permissions
    rm -f "$pki"
    chmod 0644 /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/*.pub /etc/kubernetes/pki/etcd/*.crt
)

lead_to() { printf '%s %s\n' "$1" "$endpoint" | ledger_block /etc/hosts endpoint; }
# Before 1.31 kubeadm leaves the kubelet with the other one's server: it asks its own from now on.
finish() {
    lead_to "$own"
    if [ -e /var/lib/kubelet/config.yaml ]; then chmod 0600 /var/lib/kubelet/config.yaml; fi
    systemctl restart kubelet.service
}
as_admin() { kubectl --kubeconfig /etc/kubernetes/admin.conf --cache-dir /var/lib/bundler/cache/kubectl "$@"; }

# A join that was cut is taken up: a server that is ready needs its role, anything less begins anew. etcd's member stays:
# kubeadm finds it by its address.
if [ -e /etc/kubernetes/kubelet.conf ]; then
    if as_admin --server "https://$own_url:6443" get --raw /readyz >/dev/null 2>&1; then
        kubeadm join phase control-plane-join mark-control-plane --config "$config" 2>&1
        finish
        exit 0
    fi
    systemctl stop kubelet.service
fi

# Until this host's own server is up, the API's name leads to another one.
seed=$(sed -n 's/^# seed //p' "$discovery")
lead_to "$seed"
if [ -e /etc/kubernetes/kubelet.conf ]; then
    as_admin delete node "$node" --ignore-not-found
    rm -f /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf
fi
kubeadm join --config "$config" ${phases:+--skip-phases="$phases"} \
    --ignore-preflight-errors="$ignored" 2>&1
finish
