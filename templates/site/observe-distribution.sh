# shellcheck shell=sh
# What a distribution that is one program shows of itself, in the words of observe.sh: its sections go on here.
k3s=/var/lib/rancher/k3s
k0s=/var/lib/k0s
tell traces
if [ -e $k3s/server/tls/server-ca.key ] || [ -e $k0s/pki/ca.key ]; then echo pki; fi
if [ -d $k3s/server/db/etcd/member ] || [ -d $k0s/etcd/member ]; then echo etcd_data; fi
if [ -e $k3s/server/cred/admin.kubeconfig ] || [ -e $k0s/pki/admin.conf ]; then echo static_pods; fi
tell components
# The program that runs, not the file that the next start would take.
for unit in k3s k0scontroller k0sworker; do
    pid=$(systemctl show -p MainPID --value "$unit.service" 2>/dev/null)
    [ "${pid:-0}" != 0 ] || continue
    case $unit in
    k3s) version=$("/proc/$pid/exe" --version 2>/dev/null | sed -n 's/^k3s version \(v[^ ]*\).*/\1/p') ;;
    *) version=$("/proc/$pid/exe" version 2>/dev/null | sed -n 's/^\(v[^ ]*+k0s\).*/\1/p') ;;
    esac
    [ -n "$version" ] || continue
    echo "part kubelet $version"
    if [ -e $k3s/server/cred/admin.kubeconfig ] || [ -e $k0s/pki/admin.conf ]; then
        for part in kube-apiserver kube-controller-manager kube-scheduler; do echo "part $part $version"; done
    fi
done
tell units
systemctl show -p Id,LoadState,UnitFileState,ActiveState k3s.service k0scontroller.service k0sworker.service 2>/dev/null
if [ -e $k3s/server/db/etcd ] || [ -e $k0s/etcd ]; then
    # Members are control planes' nodes; k3s says by a condition which of them vote.
    tell voters
    if [ -x /usr/local/bin/k0s ]; then
        timeout 10 /usr/local/bin/k0s etcd member-list 2>/dev/null | tr ',' '\n' | sed 's/^.*{//; s/}*$//' |
            sed -n 's|^ *"\([^"]*\)": *"https*://\(.*\):[0-9]*"$|\1 \2 True|p'
    else
        # shellcheck disable=SC2016
        ask get nodes -l node-role.kubernetes.io/etcd=true -o go-template='{{range .items}}{{.metadata.name}}{{" "}}{{range .status.addresses}}{{if eq .type "InternalIP"}}{{.address}}{{end}}{{end}}{{" "}}{{range .status.conditions}}{{if eq .type "EtcdIsVoter"}}{{.status}}{{end}}{{end}}{{"\n"}}{{end}}'
    fi
fi
