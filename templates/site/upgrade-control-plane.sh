# shellcheck shell=sh disable=SC2154
# Take this control plane to another version. Variables: version, config (the cluster's configuration as it is to be),
# ignored (names of kubeadm's checks), upload (not empty: the stored configuration is first made what `config` says),
# on_the_way (not empty: a folder with the kubeadm of this version, which is none that stays: etcd stays as it is).
# Run again, it goes on: kubeadm leaves static pods that are new already as they are.
set -eu
export LC_ALL=C.UTF-8
conf=/etc/kubernetes/admin.conf
etcd=true
if [ -n "$on_the_way" ]; then
    PATH=$on_the_way:$PATH
    etcd=false
fi
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
    kubeadm upgrade apply "$version" --yes --etcd-upgrade="$etcd" --kubeconfig "$conf" --ignore-preflight-errors="$ignored" 2>&1
else
    kubeadm upgrade node --etcd-upgrade="$etcd" --kubeconfig "$conf" --ignore-preflight-errors="$ignored" 2>&1
fi
# kubeadm leaves a copy of etcd's data and of the manifests for every upgrade; ours is kept elsewhere.
rm -rf /etc/kubernetes/tmp/kubeadm-backup-* /etc/kubernetes/tmp/kubeadm-upgraded-manifests*
[ -n "$on_the_way" ] || rm -rf /var/lib/bundler/via
