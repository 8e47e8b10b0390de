# shellcheck shell=sh
# Whether static pods of this host run as their manifests say, with Kubernetes having heard of it: pods_serve NODE POD…
pods_serve() (
    node=$1
    shift
    for pod in "$@"; do
        wanted=$(sed -n 's/^    bundler\/anew: "\(.*\)"$/\1/p' "/etc/kubernetes/manifests/$pod.yaml")
        found=$(kubectl --request-timeout 5s -n kube-system get pod "$pod-$node" \
            -o 'jsonpath={.metadata.annotations.bundler/anew} {range .status.conditions[?(@.type=="Ready")]}{.status}{end}')
        if [ "$found" != "$wanted True" ]; then
            echo "$pod on $node: ${found:-not there}" >&2
            exit 1
        fi
    done
)
