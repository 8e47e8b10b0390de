# shellcheck shell=sh disable=SC2154
# Exit 0 when the static pods of this host run as their manifests say, with Kubernetes having heard of it. Variables:
# node, pods (their names).
set -eu
for pod in $pods; do
    wanted=$(sed -n 's/^    bundler\/anew: "\(.*\)"$/\1/p' "/etc/kubernetes/manifests/$pod.yaml")
    found=$(kubectl --request-timeout 5s -n kube-system get pod "$pod-$node" \
        -o 'jsonpath={.metadata.annotations.bundler/anew} {range .status.conditions[?(@.type=="Ready")]}{.status}{end}')
    if [ "$found" != "$wanted True" ]; then
        echo "$pod on $node: ${found:-not there}" >&2
        exit 1
    fi
done
