# shellcheck shell=sh disable=SC2154
# Put the keys in place with which a cluster signs: kubeadm makes all others from them. Variables: files (an archive of
# a control plane's files).
set -eu
umask 077
mkdir -p /etc/kubernetes
set --
for name in ca.crt ca.key sa.key sa.pub front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key; do
    set -- "$@" "etc/kubernetes/pki/$name"
done
tar -xf "$files" -C / --no-same-owner --no-same-permissions "$@"
chmod 0644 /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/*.pub /etc/kubernetes/pki/etcd/ca.crt
