# shellcheck shell=sh disable=SC2154
# What the cluster itself keeps of its version goes back, where its data does not. Variables: version.
set -eu
kubectl -n kube-system get configmap kubeadm-config -o yaml |
    sed "s/^\( *\)kubernetesVersion: .*/\1kubernetesVersion: $version/" | kubectl replace -f - >/dev/null
image=$(kubectl -n kube-system get daemonset kube-proxy --ignore-not-found -o 'jsonpath={.spec.template.spec.containers[0].image}')
case $image in
'' | *@* | *:"$version") ;;
*) kubectl -n kube-system set image daemonset/kube-proxy "kube-proxy=${image%:*}:$version" >/dev/null ;;
esac
