# shellcheck shell=sh disable=SC2154
# Run one part of this control plane with other settings, and go back by itself if it does not come to serve. Variables:
# part (kube-apiserver, …), phase (kubeadm's name for it), node, limit (seconds). Standard input: kubeadm's configuration
# for this host, as it is to be.
set -eu
export LC_ALL=C.UTF-8
umask 077
manifest=/etc/kubernetes/manifests/$part.yaml
kept=/var/lib/bundler/kept-settings/$part.yaml
config=$(mktemp /var/lib/bundler/settings.XXXXXX)
trap 'rm -f "$config"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$config"
mkdir -p "${kept%/*}"
cp "$manifest" "$kept"

serves() {
    end=$(($(date +%s) + limit)) # by the clock: asking takes long where nobody answers
    until pods_serve "$node" "$part" 2>"$config.why"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 1
    done
}

kubeadm init phase control-plane "$phase" --config "$config" 2>&1
pods_anew "$(date +%s)" "$part"
if serves; then
    rm -f "$config.why"
    exit 0
fi
echo "$part does not serve with its new settings after $limit s; restoring the old ones:" >&2
cat "$config.why" >&2
for log in /var/log/pods/kube-system_"$part"-*/"$part"/*.log; do
    [ ! -f "$log" ] || tail -n 5 "$log" >&2
done
rm -f "$config.why"
cp "$kept" "/etc/kubernetes/manifests/.$part.old"
mv -f "/etc/kubernetes/manifests/.$part.old" "$manifest"
pods_anew "$(date +%s)-back" "$part"
serves || echo "$part does not serve with its old settings either" >&2
rm -f "$config.why"
exit 1
