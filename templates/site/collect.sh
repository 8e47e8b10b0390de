# shellcheck shell=sh disable=SC2154
# What `collect` takes from a host: parts, each behind a line of `mark` and its name. It changes nothing. Kubeconfigs, keys,
# Secrets, variables of apps and command lines of processes are left where they are. Variables: mark (nobody else knows
# it), most (bytes of a part), all (bytes of the host), cluster (yes on the control plane that speaks for the cluster).
state=/var/lib/bundler

part() {
    printf '%s %s\n' "$mark" "$1"
    shift
    timeout "$@" 2>&1 | tail -c "$most"
    echo
}

file() { [ ! -f "$2" ] || part "$1" 5 cat "$2"; }

get() {
    name=$1
    shift
    part "cluster/$name" 20 /usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf \
        --cache-dir $state/cache/kubectl --request-timeout 15s "$@"
}

machine() {
    part machine/clock.txt 5 date --iso-8601=ns
    part machine/kernel.txt 5 uname -a
    file machine/os-release.txt /etc/os-release
    part machine/uptime.txt 5 uptime
    file machine/meminfo.txt /proc/meminfo
    part machine/disks.txt 5 df -PkT
    part machine/inodes.txt 5 df -Pi
    file machine/mounts.txt /proc/self/mounts
    file machine/pressure-io.txt /proc/pressure/io
    file machine/pressure-memory.txt /proc/pressure/memory
    part machine/addresses.txt 5 ip -s address
    part machine/routes.txt 5 ip route show table all
    part machine/sockets.txt 5 ss -tlnp
    file machine/resolv.conf /etc/resolv.conf
    file machine/hosts.txt /etc/hosts
    part machine/processes.txt 5 ps -eo pid,ppid,rss,pcpu,etimes,stat,comm --sort=-rss
    part machine/units-failed.txt 5 systemctl list-units --failed --no-pager --plain
    part machine/units.txt 5 systemctl show -p Id,LoadState,ActiveState,SubState,NRestarts,Result,ExecMainStatus \
        kubelet.service containerd.service bundler-registry.service bundler-endpoint.service bundler-vip.service
}

ours() {
    for name in record.json releases runs journal ledger contents written; do
        file "bundler/$name" "$state/$name"
    done
    for config in /etc/bundler/*.toml /etc/bundler/*.yml /etc/bundler/*.yaml /etc/bundler/*.cfg /etc/bundler/*.conf \
        /etc/containerd/*.toml /etc/containerd/conf.d/*.toml /etc/kubernetes/manifests/*.yaml /etc/crictl.yaml \
        /etc/kubernetes/kubelet.conf.d/*.conf /var/lib/kubelet/config.yaml /etc/sysctl.d/90-bundler.conf \
        /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/*.conf \
        /etc/systemd/system/containerd.service /etc/systemd/system/bundler-*.service; do
        file "config$config" "$config"
    done
}

runtime() {
    [ -S /run/containerd/containerd.sock ] || return 0
    part runtime/containers.txt 10 crictl -r unix:///run/containerd/containerd.sock ps -a
    part runtime/images.txt 10 ctr -n k8s.io images ls
}

cluster() {
    get version.txt version
    get nodes.txt get nodes -o wide
    get nodes.yaml get nodes -o yaml
    get pods.txt get pods -A -o wide
    get pods.yaml get pods -A -o yaml
    get workloads.txt get deployments,statefulsets,daemonsets,jobs,cronjobs -A -o wide
    get workloads.yaml get deployments,statefulsets,daemonsets -A -o yaml
    get network.txt get services,endpointslices,ingresses,networkpolicies -A -o wide
    get storage.txt get persistentvolumes,persistentvolumeclaims,storageclasses -A -o wide
    get events.txt get events -A --sort-by=.lastTimestamp
    get budgets.txt get poddisruptionbudgets -A
    get configmaps.txt get configmaps -A
    get secrets.txt get secrets -A
    get crds.txt get customresourcedefinitions
    get requests.txt get certificatesigningrequests
    get kubeadm.yaml -n kube-system get configmap kubeadm-config kubelet-config coredns -o yaml
}

logs() {
    for unit in kubelet containerd bundler-registry bundler-endpoint bundler-vip; do
        ! systemctl cat "$unit.service" >/dev/null 2>&1 || part "logs/$unit.log" 20 journalctl -u "$unit.service" -n 20000 --no-pager -o short-iso
    done
    part logs/kernel.log 10 journalctl -k -n 3000 --no-pager -o short-iso
    for log in /var/log/pods/kube-system_*/*/*.log; do
        [ ! -f "$log" ] || part "pods/${log#/var/log/pods/}" 5 tail -c 524288 "$log"
    done
}

{
    machine
    ours
    runtime
    [ -z "$cluster" ] || cluster
    logs
    printf '%s end\n' "$mark"
} | head -c "$all"
