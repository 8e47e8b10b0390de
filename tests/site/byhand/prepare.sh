#!/bin/sh
# By hand, on each machine: packages, binaries, containerd, images. Lies in the folder with everything it needs.
set -eu
cd "$(dirname "$0")"
mkdir -p /etc/containerd
cp containerd.toml /etc/containerd/config.toml
dpkg --install --force-confold packages/*.deb >prepare.log 2>&1
mkdir -p /opt/cni/bin /etc/kubernetes/manifests
install -m 0755 bin/* /usr/local/bin/
tar xzf cri/containerd.tar.gz -C /usr/local
tar xzf cri/runc.tar.gz -C /usr/local/bin
tar xzf cri/cni-plugins.tgz -C /opt/cni/bin
cp kubelet.service containerd.service /etc/systemd/system/
cat hosts >>/etc/hosts
sysctl -qw net.ipv4.ip_forward=1
systemctl daemon-reload
systemctl -q enable kubelet containerd
systemctl restart containerd
tries=0
until ctr version >/dev/null 2>&1; do # a busy machine
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || exit 1
    sleep 0.2
done
(cd images && tar cf - .) | ctr -n k8s.io images import - >>prepare.log 2>&1
