# shellcheck shell=sh
# What to look at when etcd does not settle.
etcd_members
ls /etc/kubernetes/manifests
for pod in /var/log/pods/kube-system_etcd-*/etcd/*.log; do
    [ ! -f "$pod" ] || tail -n 10 "$pod"
done
