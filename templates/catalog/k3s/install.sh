#!/bin/sh
# Install k3s on this machine, as root, from what lies beside this script:
#     install.sh server [OPTION...]     a control plane; the first one, or with --server URL a further one
#     install.sh agent  [OPTION...]     a worker: --server https://HOST:6443
# The token of further machines is read from K3S_TOKEN or /etc/rancher/k3s/token.
set -eu
role=${1:?name a role: server or agent}
shift
here=$(cd "$(dirname "$0")" && pwd)
case $role in
server | agent) ;;
*)
    echo "install.sh: no role $role; it is server or agent" >&2
    exit 64
    ;;
esac
install -m 0755 "$here/k3s" /usr/local/bin/k3s
mkdir -p /var/lib/rancher/k3s/agent/images /etc/rancher/k3s
cp "$here/k3s-airgap-images-amd64.tar.zst" /var/lib/rancher/k3s/agent/images/
if [ -n "${K3S_TOKEN:-}" ]; then
    (umask 077 && printf '%s\n' "$K3S_TOKEN" >/etc/rancher/k3s/token)
fi
token=
[ ! -s /etc/rancher/k3s/token ] || token="--token-file /etc/rancher/k3s/token"
cat >/etc/systemd/system/k3s.service <<UNIT
[Unit]
Description=k3s $role
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s $role $token $*
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now k3s
