#!/bin/sh
# By hand, on the first machine: the fewest commands that take the cluster of up.sh to the version in this folder.
# Arguments: the other control planes' addresses in one word, then the workers'.
# Prints "phase NAME SECONDS" as each phase ends. Nothing is kept that would lead back.
set -eu
cd "$(dirname "$0")"
export KUBECONFIG=/etc/kubernetes/admin.conf
controls=$1
shift
. ./phases.sh

node_of() { # ADDRESS: its node's name
    awk -v address="$1" '$1 == address && !found { print $2; found = 1 }' hosts
}

replaced() { # NODE COMMAND: the kubelet is replaced by COMMAND while the node is empty
    kubectl drain "$1" --ignore-daemonsets --delete-emptydir-data --timeout=180s >>drain.log 2>&1
    eval "$2"
    tries=0
    until kubectl get node "$1" --no-headers 2>/dev/null | grep -w Ready | grep -q "$version"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || exit 1
        sleep 0.3
    done
    kubectl uncordon "$1" >/dev/null
}

version=$(sed -n 's/^kubernetesVersion: //p' kubeadm.yml)
etcd=$(sed -n 's/^etcd:.*imageTag: \([^}]*\)}}/\1/p' kubeadm.yml)
own=$(head -n 1 hosts | cut -d' ' -f1)

# shellcheck disable=SC2086  # a word an address
distribute $controls "$@"
phase distribute

sh ahead.sh &
images=$!
# shellcheck disable=SC2086  # a word an address
on_all ahead "sh $PWD/ahead.sh" $controls "$@"
wait "$images"
phase "images ahead"

kubectl -n kube-system get configmap kubeadm-config -o yaml | sed "s/imageTag: .*/imageTag: $etcd/" |
    kubectl apply -f - >/dev/null 2>&1
kubeadm upgrade apply --yes --ignore-preflight-errors=all "$version" >upgrade.log 2>&1
replaced "$(node_of "$own")" 'sh kubelet.sh'
phase "first control plane"

for address in $controls; do
    $shell "root@$address" "kubeadm upgrade node --ignore-preflight-errors=all" >"upgrade-$address.log" 2>&1 </dev/null
    replaced "$(node_of "$address")" "$shell root@$address sh $PWD/kubelet.sh </dev/null"
done
[ -z "$controls" ] || phase "other control planes"

for address; do
    $shell "root@$address" "kubeadm upgrade node --ignore-preflight-errors=all" >"upgrade-$address.log" 2>&1 </dev/null
    replaced "$(node_of "$address")" "$shell root@$address sh $PWD/kubelet.sh </dev/null"
done
phase "workers, one after the other"

kubectl apply -f network.yaml >/dev/null
kubectl apply -f apps.yaml >/dev/null
kubectl rollout status --timeout=180s daemonset/web >/dev/null
kubectl rollout status --timeout=180s deployment/status >/dev/null
phase "apps"
