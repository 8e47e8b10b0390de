# shellcheck shell=sh disable=SC2154
# Apply the manifests of a folder. Variables: folder, inputs (digest of the manifests).
set -eu
: "$inputs"
kubectl apply -f "$folder"
