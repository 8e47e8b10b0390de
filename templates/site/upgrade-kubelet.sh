# shellcheck shell=sh disable=SC2154
# Let the kubelet of this drained node run as another version. Variables: worker (not empty: kubeadm brings the node's
# configuration up to date; on a control plane it has done so), ignored (names of kubeadm's checks).
set -eu
export LC_ALL=C.UTF-8
if [ -n "$worker" ]; then
    kubeadm upgrade node --ignore-preflight-errors="$ignored" 2>&1
fi
# kubelets from 1.35 on refuse a flag that kubeadm wrote before 1.36; only its own upgrade to 1.35 took it out.
flags=/var/lib/kubelet/kubeadm-flags.env
if [ -f "$flags" ]; then
    sed 's/--pod-infra-container-image=[^ "]* \{0,1\}//' "$flags" >"$flags.new"
    mv -f "$flags.new" "$flags"
fi
systemctl daemon-reload
systemctl restart kubelet.service
