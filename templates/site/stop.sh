# shellcheck shell=sh
# Stop what runs here: kubelet, all containers, containerd, the registry. Nothing of it may be there any more.
set -u
systemctl stop kubelet.service 2>/dev/null
for unit in k3s.service k0scontroller.service k0sworker.service; do
    # They leave their pods running (KillMode=process): the whole of their cgroup ends.
    grep -q "^unit	$unit	new\$" "$BUNDLER_LEDGER" 2>/dev/null || continue
    systemctl stop "$unit" 2>/dev/null
    systemctl kill --signal=KILL "$unit" 2>/dev/null
done

# Every process in a pod's cgroup ends; processes that are not in one are never touched.
pods() { find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/kubepods.slice*' \) 2>/dev/null; }
tries=0
while [ "$tries" -lt 50 ]; do
    pids=$(pods | while read -r group; do cat "$group/cgroup.procs" 2>/dev/null; done | sort -u)
    [ -n "$pids" ] || break
    # A list of numbers:
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
done
# On cgroup v2 with systemd's driver, pods live in slices and scopes, which stay until systemd is told. Nothing runs in
# them any more, so that is done at once.
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then systemctl stop kubepods.slice 2>/dev/null; fi
if grep -q '^unit	containerd.service	new$' "$BUNDLER_LEDGER" 2>/dev/null; then
    # containerd leaves its shims running (KillMode=process): the whole of its cgroup ends.
    systemctl kill --signal=KILL containerd.service 2>/dev/null
    systemctl stop containerd.service 2>/dev/null
fi
systemctl stop bundler-registry.service 2>/dev/null
pods | while read -r group; do rmdir "$group" 2>/dev/null; done

# The kubelet asks systemd whether it is there by starting scopes; where the kernel doesn't tell that they are empty,
# they stay.
systemctl list-units --plain --no-legend 'run-*.scope' | while read -r scope _ _ _ about; do
    [ "$about" != "Kubernetes systemd probe" ] || systemctl stop "$scope"
done

below() {
    while read -r _ place _; do
        case $place in
        /var/lib/kubelet/* | /run/containerd/* | /var/lib/containerd/* | /run/netns/cni-* | \
            /run/k3s/* | /var/lib/rancher/* | /run/k0s/* | /var/lib/k0s/*) printf '%s\n' "$place" ;;
        esac
    done </proc/mounts | sort -r
}
below | while read -r place; do umount -l "$place"; done
rm -f /run/netns/cni-*
left=$(below)
if [ -n "$left" ]; then
    echo "still mounted: $left" >&2
    exit 1
fi
