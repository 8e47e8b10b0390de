# shellcheck shell=sh disable=SC2154
# Approve the kubelets' requests for serving certificates; exit 0 when the API server reaches every kubelet.
# Variables: wanted (lines NODE HEX: the names that a request of this node must have, as the extension's bytes), anew (not
# empty: requests of these nodes with other names go; a kubelet that has just got its address asks with the old one, and
# waits a quarter of an hour for it).
set -eu

bytes_of() { # REQUEST, as the API has it: base64 of PEM
    printf '%s' "$1" | base64 -d | sed '/^-/d' | base64 -d | od -An -v -tx1 | tr -d ' \n'
}
# Approved or denied ones have a condition.
kubectl get csr -o 'jsonpath={range .items[?(@.spec.signerName=="kubernetes.io/kubelet-serving")]}{.metadata.name} {.spec.username} {.spec.request} {.status.conditions[0].type}{"\n"}{end}' |
    while read -r name user request condition; do
        [ -z "$condition" ] || continue
        node=${user#system:node:}
        bytes=$(bytes_of "$request")
        fits=$(printf '%s' "$wanted" | while read -r of names; do
            case $node:$bytes in "$of:"*"$names"*) echo yes ;; esac
        done)
        if [ -n "$fits" ]; then
            kubectl certificate approve "$name" >/dev/null </dev/null
        elif [ -n "${anew:-}" ] && printf '%s' "$wanted" | grep -q "^$node "; then
            kubectl delete csr "$name" >/dev/null </dev/null
        fi
    done

left=$(printf '%s' "$wanted" | cut -d' ' -f1 | sort -u | while read -r node; do
    kubectl get --request-timeout=5s --raw "/api/v1/nodes/$node/proxy/healthz" >/dev/null 2>&1 </dev/null || echo "$node"
done)
if [ -n "$left" ]; then
    printf 'no certificate yet: %s\n' "$left" >&2
    kubectl get csr >&2
    exit 1
fi
