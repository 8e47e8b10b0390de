# shellcheck shell=sh
# What runs in the hosts' own network has taken up their addresses at its start: it starts anew. Then the hosts know that
# they have moved.
set -eu
kubectl get daemonsets -A -o 'jsonpath={range .items[?(@.spec.template.spec.hostNetwork==true)]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' |
    while read -r namespace name; do
        kubectl -n "$namespace" rollout restart daemonset "$name" >/dev/null </dev/null
    done
