# shellcheck shell=sh disable=SC2154
# End containers as a kubelet ends them: SIGTERM, and SIGKILL to what is left after the grace. The kubelet is stopped
# first and starts them again when it is started itself: no pod is deleted. Variables: which (apps: all but the static
# pods of the control plane; control-plane: those but etcd; etcd), grace (seconds).
set -eu
systemctl stop kubelet.service
systemctl is-active -q containerd.service || exit 0

name='labels."io.kubernetes.container.name"'
container='labels."io.cri-containerd.kind"==container'
system='labels."io.kubernetes.pod.namespace"==kube-system'
# What containerd's tool warns of is not ours to say.
listed() {
    timeout 30 ctr -n k8s.io containers ls -q "$@" 2>/dev/null || {
        echo "containerd does not list its containers" >&2
        return 1
    }
}
end() { # FILTER...
    ids=$(listed "$@")
    [ -n "$ids" ] || return 0
    alive() { timeout 30 ctr -n k8s.io tasks ls 2>/dev/null | grep ' RUNNING' | cut -d' ' -f1 | grep -xF -e "$ids"; }
    for id in $(alive); do ctr -n k8s.io tasks kill -s SIGTERM "$id" 2>/dev/null || :; done
    left=$((grace * 5))
    while running=$(alive); do
        if [ "$left" -le 0 ]; then
            [ "$left" -gt -150 ] || { echo "these containers do not stop: $(echo "$running" | tr '\n' ' ')" >&2 && return 1; }
            for id in $running; do ctr -n k8s.io tasks kill -s SIGKILL "$id" 2>/dev/null || :; done
        fi
        left=$((left - 1))
        sleep 0.2
    done
}
case $which in
apps)
    # What the network needs ends last.
    end "$container,labels.\"io.kubernetes.pod.namespace\"!=kube-system"
    end "$container,$system,$name!=etcd,$name!=kube-apiserver,$name!=kube-controller-manager,$name!=kube-scheduler"
    ;;
control-plane)
    end "$container,$system,$name==kube-controller-manager" "$container,$system,$name==kube-scheduler"
    end "$container,$system,$name==kube-apiserver"
    ;;
etcd) end "$container,$system,$name==etcd" ;;
esac
