# shellcheck shell=sh
# A kubelet whose node was deleted enters it again only when it starts.
set -eu
systemctl enable -q kubelet.service
systemctl restart kubelet.service
