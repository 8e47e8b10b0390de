# shellcheck shell=sh
# Exit 0 when at least one of CoreDNS' pods answers.
available=$(kubectl -n kube-system get deployment coredns -o 'jsonpath={.status.availableReplicas}')
if [ "${available:-0}" -lt 1 ]; then
    echo "the cluster's DNS does not answer yet" >&2
    exit 1
fi
