# shellcheck shell=sh disable=SC2154
# Enable the kubelet; kubeadm starts it once it has its configuration. Variables: inputs (digest of the unit).
set -eu
: "$inputs"
ledger_unit kubelet.service
systemctl daemon-reload
systemctl enable -q kubelet.service
