# shellcheck shell=sh
# A kubelet that runs would enter its node again.
set -eu
systemctl stop kubelet.service
