# shellcheck shell=sh disable=SC2154
# Take this control plane to another version. Variables: version, config (the cluster's configuration as it is to be),
# ignored (names of kubeadm's checks), upload (not empty: the stored configuration is first made what `config` says).
# Run again, it goes on: kubeadm leaves static pods that are new already as they are.
set -eu
export LC_ALL=C.UTF-8
conf=/etc/kubernetes/admin.conf
stored=$(kubectl -n kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}' |
    sed -n 's/^kubernetesVersion: *//p')
if [ "$stored" != "$version" ]; then
    if [ -n "$upload" ]; then
        wanted=$(mktemp /var/lib/bundler/upgrade.XXXXXX)
        trap 'rm -f "$wanted"' EXIT
        # What is stored keeps the version that runs, until kubeadm has gone to the other one.
        sed "s/^kubernetesVersion: .*/kubernetesVersion: $stored/" "$config" >"$wanted"
        kubeadm init phase upload-config kubeadm --config "$wanted" 2>&1
        kubeadm init phase upload-config kubelet --config "$wanted" 2>&1
    fi
    kubeadm upgrade apply "$version" --yes --kubeconfig "$conf" --ignore-preflight-errors="$ignored" 2>&1
else
    kubeadm upgrade node --kubeconfig "$conf" --ignore-preflight-errors="$ignored" 2>&1
fi
# kubeadm leaves a copy of etcd's data and of the manifests for every upgrade; ours is kept elsewhere.
rm -rf /etc/kubernetes/tmp/kubeadm-backup-* /etc/kubernetes/tmp/kubeadm-upgraded-manifests*
