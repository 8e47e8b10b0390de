#!/bin/sh
# By hand, on the first machine: the fewest commands that bring the same cluster up.
# Arguments: the other control planes' addresses in one word, then the workers'.
# Prints "phase NAME SECONDS" as each phase ends.
set -eu
cd "$(dirname "$0")"
export KUBECONFIG=/etc/kubernetes/admin.conf
controls=$1
shift
. ./phases.sh

# shellcheck disable=SC2086  # a word an address
distribute $controls "$@"
phase distribute

sh prepare.sh &
own=$!
# shellcheck disable=SC2086  # a word an address
on_all prepare "sh $PWD/prepare.sh" $controls "$@"
wait "$own"
phase "packages, containerd, images"

kubeadm init --config kubeadm.yml --skip-phases=preflight >init.log 2>&1
phase "kubeadm init"

kubectl apply -f network.yaml >/dev/null
join="$(kubeadm token create --print-join-command 2>/dev/null) --ignore-preflight-errors=all"
if [ -n "$controls" ]; then
    key=$(kubeadm init phase upload-certs --upload-certs 2>/dev/null | tail -n 1)
    for control in $controls; do
        on_all join-control-plane "$join --control-plane --certificate-key $key" "$control"
    done
    phase "kubeadm join, control planes"
fi
on_all join "$join" "$@"
phase "kubeadm join"

# shellcheck disable=SC2086  # a word an address
set -- $controls "$@"
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
