# shellcheck shell=sh
# etcd's own tool: the host's, else the one in etcd's container. To be run on a control plane.
etcd_pki=/etc/kubernetes/pki/etcd
etcd_here=https://127.0.0.1:2379
# Where the host's address is one of IPv6, so is etcd's loopback.
! grep -qs 'https://\[::1\]:2379' /etc/kubernetes/manifests/etcd.yaml || etcd_here='https://[::1]:2379'

etcdctl() {
    set -- --cacert "$etcd_pki/ca.crt" --cert "$etcd_pki/healthcheck-client.crt" \
        --key "$etcd_pki/healthcheck-client.key" --dial-timeout 3s --command-timeout 10s "$@"
    if [ -x /usr/local/bin/etcdctl ]; then
        ETCDCTL_API=3 /usr/local/bin/etcdctl "$@"
    elif command -v crictl >/dev/null; then
        etcd_container=$(crictl -r unix:///run/containerd/containerd.sock ps -q --name '^etcd$' --state Running | head -n 1)
        [ -n "$etcd_container" ] || {
            echo "etcd does not run here" >&2
            return 1
        }
        crictl -r unix:///run/containerd/containerd.sock exec "$etcd_container" etcdctl "$@"
    else
        for etcd_container in $(ctr -n k8s.io containers ls -q 'labels."io.kubernetes.container.name"==etcd'); do
            ctr -n k8s.io tasks ls | grep -q "^$etcd_container .*RUNNING" || continue
            ctr -n k8s.io tasks exec --exec-id "bundler-$$-$(date +%s%N)" "$etcd_container" etcdctl "$@"
            return
        done
        echo "etcd does not run here" >&2
        return 1
    fi
}

# Members, one a line: ID, `started` or `unstarted`, name, peer URLs, client URLs, whether it is a learner.
etcd_members() { etcdctl --endpoints "$etcd_here" member list | sed 's/, */,/g'; }

# Whether the member with these client URLs answers as healthy.
etcd_healthy() { [ -n "$1" ] && etcdctl --endpoints "$1" endpoint health >/dev/null 2>&1; }

# Whether it leads. Newer versions have more columns; the first that is true or false is the one that says so.
etcd_leads() {
    case $(etcdctl --endpoints "$1" endpoint status 2>/dev/null | tr -d ' ' | tr , '\n' | grep -x -m 1 'true\|false') in
    true) ;;
    *) return 1 ;;
    esac
}
