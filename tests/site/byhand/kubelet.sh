#!/bin/sh
# By hand, on each machine, once it is drained: the new kubelet.
set -eu
cd "$(dirname "$0")"
systemctl stop kubelet
install -m 0755 bin/kubelet /usr/local/bin/
systemctl start kubelet
