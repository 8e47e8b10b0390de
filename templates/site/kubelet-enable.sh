# shellcheck shell=sh disable=SC2154
# Enable the kubelet. kubeadm starts it once it has its configuration; on a node that has one it is started here.
# Variables: inputs (digest of what it reads).
set -eu
: "$inputs"
ledger_unit kubelet.service
# A kubelet that starts without this folder looks for it again only every 20 s.
mkdir -p /etc/kubernetes/manifests
systemctl daemon-reload
systemctl enable -q kubelet.service
if [ -e /etc/kubernetes/kubelet.conf ]; then systemctl start kubelet.service; fi
