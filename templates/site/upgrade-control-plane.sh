# shellcheck shell=sh disable=SC2154
# Take this control plane to another version. Variables: version, config (the cluster's configuration as it is to be),
# ignored (names of kubeadm's checks), upload (not empty: the stored configuration is first made what `config` says).
# Run again, it goes on: kubeadm leaves static pods that are new already as they are.
set -eu
export LC_ALL=C.UTF-8
conf=/etc/kubernetes/admin.conf
stored=$(kubectl -n kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}' |
    sed -n 's/^kubernetesVersion: *//p')
keep=/var/lib/bundler/kept/$stored
if [ ! -e "$keep/done" ]; then
    # The way back: what this version ran with. Two generations stay.
    umask 077
    rm -rf "$keep.new" && mkdir -p "$keep.new"
    cp -a /etc/kubernetes/manifests /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env "$keep.new/" 2>/dev/null || true
    : >"$keep.new/done"
    rm -rf "$keep" && mv "$keep.new" "$keep"
    find /var/lib/bundler/kept -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -n | head -n -2 | cut -d' ' -f2- | xargs -r rm -rf
fi
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
