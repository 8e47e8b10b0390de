# shellcheck shell=sh
# Whether every node is Ready, and every pod of the system that has not ended.
set -eu
kubectl wait --for=condition=Ready nodes --all --timeout=1s
kubectl --namespace kube-system wait --for=condition=Ready pods --all --field-selector=status.phase!=Succeeded --timeout=1s
