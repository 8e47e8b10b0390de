# shellcheck shell=sh disable=SC2154
# Run the kubelet of this node with the configuration that the cluster stores, and go back by itself if it does not keep
# running. Variables: steady (seconds for which it has to).
set -eu
export LC_ALL=C.UTF-8
umask 077
config=/var/lib/kubelet/config.yaml
kept=/var/lib/bundler/kept-settings/kubelet.yaml
conf=/etc/kubernetes/kubelet.conf
mkdir -p "${kept%/*}"
cp "$config" "$kept"

starts() { systemctl show -p NRestarts --value kubelet.service; }
keeps_running() {
    systemctl restart kubelet.service || return 1
    before=$(starts)
    sleep "$steady"
    systemctl is-active -q kubelet.service && [ "$(starts)" = "$before" ]
}

kubeadm upgrade node phase kubelet-config --kubeconfig "$conf" 2>&1
chmod 0600 "$config"
if keeps_running; then exit 0; fi
echo "the kubelet does not keep running with its new settings; restoring the old ones:" >&2
journalctl -u kubelet.service -n 5 --no-pager -o cat >&2
cp "$kept" "$config"
keeps_running || echo "the kubelet does not run with its old settings either" >&2
exit 1
