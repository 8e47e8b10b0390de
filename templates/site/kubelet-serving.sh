# shellcheck shell=sh
# Have the kubelet ask for another serving certificate.
set -eu
systemctl stop kubelet.service
rm -f /var/lib/kubelet/pki/kubelet-server-current.pem
systemctl start kubelet.service
