# shellcheck shell=sh disable=SC2154
# Join this host to the cluster. Variables: config, discovery (holds a token: gone afterwards, whatever happens), phases,
# ignored (names of checks), inputs (a digest of the configuration).
set -eu
: "$inputs"
export LC_ALL=C.UTF-8
trap 'rm -f "$discovery"' EXIT
trap 'exit 1' HUP INT TERM
kubeadm join --config "$config" ${phases:+--skip-phases="$phases"} \
    --ignore-preflight-errors="$ignored" 2>&1 &
joining=$!

# Until the cluster has signed its certificate, the kubelet asks in vain, ever more seldom, and does not notice at once
# that it may now: its first pods would be put off by up to a quarter of a minute. So it starts afresh.
certificate=/var/lib/kubelet/pki/kubelet-client-current.pem
until [ -e "$certificate" ] || ! kill -0 "$joining" 2>/dev/null; do sleep 0.2; done
if [ -e "$certificate" ]; then systemctl restart kubelet.service; fi
wait "$joining"
if [ -e /var/lib/kubelet/config.yaml ]; then chmod 0600 /var/lib/kubelet/config.yaml; fi
