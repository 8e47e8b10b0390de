#!/bin/sh
# By hand, on the first machine: the fewest commands that bring the same cluster up. Arguments: the workers' addresses.
# Prints "phase NAME SECONDS" as each phase ends.
set -eu
cd "$(dirname "$0")"
export KUBECONFIG=/etc/kubernetes/admin.conf
shell="ssh -i /root/id_ed25519 -o BatchMode=yes"
began=$(date +%s.%N)

phase() {
    now=$(date +%s.%N)
    echo "phase $1 $(echo "$began $now" | awk '{printf "%.2f", $2 - $1}')"
    began=$now
}

on_workers() { # NAME COMMAND: the same command on all workers at once
    name=$1 command=$2 pids=
    shift 2
    for worker; do
        $shell "root@$worker" "$command" </dev/null >"$name-$worker.log" 2>&1 &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid"; done
}

for worker; do
    tar cf - . | $shell "root@$worker" 'mkdir -p /root/byhand && tar xf - -C /root/byhand'
done
phase distribute

sh prepare.sh &
own=$!
on_workers prepare 'sh /root/byhand/prepare.sh' "$@"
wait "$own"
phase "packages, containerd, images"

kubeadm init --config kubeadm.yml --skip-phases=preflight >init.log 2>&1
phase "kubeadm init"

kubectl apply -f network.yaml >/dev/null
join=$(kubeadm token create --print-join-command 2>/dev/null)
on_workers join "$join --ignore-preflight-errors=all" "$@"
phase "kubeadm join"

nodes=$(($# + 1)) tries=0
until [ "$(kubectl get nodes --no-headers 2>/dev/null | grep -cw Ready)" -eq "$nodes" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || exit 1
    sleep 0.3
done
phase "nodes Ready"

kubectl apply -f apps.yaml >/dev/null
kubectl rollout status --timeout=120s daemonset/web >/dev/null
kubectl rollout status --timeout=120s deployment/status >/dev/null
phase "apps Ready"
