#!/bin/sh
# The cluster's nodes, one a line, by kubectl: what nodes.go does, for where it can't be compiled.
PROXY=${PROXY:-/var/lib/kube-proxy}

api() {
    # kube-proxy's settings hold the API server's own address: the Service address works only after kube-proxy does
    if [ -f "$PROXY/kubeconfig.conf" ]; then
        kubectl --kubeconfig "$PROXY/kubeconfig.conf" "$@"
    else
        kubectl "$@"
    fi
}

fields() {
    printf '%s' "{$1.metadata.name}|{$1.spec.podCIDR}|{$1.status.addresses[?(@.type=='InternalIP')].address}{'\\n'}"
}

case ${1-} in
list) api get nodes --request-timeout=10s -o "jsonpath={range .items[*]}$(fields '')"'{end}' ;;
watch) api get nodes --watch --output-watch-events --request-timeout=30m -o "jsonpath={.type}|$(fields .object)" ;;
*) echo "nodes: list or watch" >&2 && exit 1 ;;
esac
