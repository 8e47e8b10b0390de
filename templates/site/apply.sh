# shellcheck shell=sh disable=SC2154
# Apply the manifests of a folder. Variables: folder, namespace (made if it is named and not there), inputs
# (digest of the manifests).
set -eu
: "$inputs"
if [ -n "$namespace" ] && ! kubectl get namespace "$namespace" >/dev/null 2>&1; then
    kubectl create namespace "$namespace"
fi
kubectl apply ${namespace:+-n "$namespace"} -f "$folder"
