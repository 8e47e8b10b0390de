# shellcheck shell=sh disable=SC2154
# Stop the kubelet and, on a control plane, its static pods, so that nothing writes any more. Pods of apps run on.
# Variables: control (not empty on a control plane).
set -eu
systemctl stop kubelet.service
[ -n "$control" ] || exit 0
names='etcd kube-apiserver kube-controller-manager kube-scheduler'
if command -v crictl >/dev/null; then
    cri() { crictl -r unix:///run/containerd/containerd.sock "$@"; }
    for name in kube-apiserver kube-controller-manager kube-scheduler etcd; do
        pods=$(cri pods -q --namespace kube-system --label "component=$name,tier=control-plane")
        # Ids are plain words:
        # shellcheck disable=SC2086
        [ -z "$pods" ] || cri rmp -f $pods >/dev/null
    done
else
    for name in $names; do
        for container in $(ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.container.name\"==$name"); do
            ctr -n k8s.io tasks kill -s SIGTERM "$container" 2>/dev/null || :
        done
    done
fi
tries=0
while [ "$tries" -lt 300 ]; do
    left=
    for process in /proc/[0-9]*/comm; do
        # Names of processes are cut to 15 characters.
        case $(cat "$process" 2>/dev/null) in
        etcd | kube-apiserver | kube-controller | kube-scheduler) left=$process ;;
        esac
    done
    [ -n "$left" ] || exit 0
    tries=$((tries + 1))
    sleep 0.1
done
echo "the control plane still runs after 30 s" >&2
exit 1
