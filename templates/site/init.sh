# shellcheck shell=sh disable=SC2154
# Bring up the control plane. Variables: config, phases (to skip, comma-separated; may be
# empty), ignored (names of checks, as phases), inputs (a digest of the configuration).
set -eu
: "$inputs"
export LC_ALL=C.UTF-8
kubeadm init --config "$config" ${phases:+--skip-phases="$phases"} \
    --ignore-preflight-errors="$ignored" --skip-token-print 2>&1

# kubeadm makes a token of a day that nobody asked for; each run makes its own. Those that the site names stay.
if ! grep -q '^bootstrapTokens:' "$config"; then
    kubectl -n kube-system delete secret --field-selector type=bootstrap.kubernetes.io/token
fi
