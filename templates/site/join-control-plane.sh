# shellcheck shell=sh disable=SC2154
# Join this host as a control plane. Variables: config; discovery (holds a token) and pki (the keys that all control
# planes share, packed): both gone afterwards, whatever happens; endpoint (the API's name), seed (the address of a control
# plane that is up), own (this host's address), phases, ignored (names of checks), inputs (a digest of the configuration).
set -eu
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

# Until this host's own server is up, the API's name leads to another one.
printf '%s %s\n' "$seed" "$endpoint" | ledger_block /etc/hosts endpoint
kubeadm join --config "$config" ${phases:+--skip-phases="$phases"} \
    --ignore-preflight-errors="$ignored" 2>&1
printf '%s %s\n' "$own" "$endpoint" | ledger_block /etc/hosts endpoint
# Before 1.31 kubeadm leaves the kubelet with the other one's server.
systemctl restart kubelet.service
