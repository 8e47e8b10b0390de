#!/bin/sh
# Install k0s on this machine, as root, from what lies beside this script:
#     install.sh single                     one machine that is all
#     install.sh controller [OPTION...]     a control plane
#     install.sh worker --token-file FILE   a worker; `k0s token create --role=worker` on a control plane makes the file
set -eu
role=${1:?name a role: single, controller or worker}
shift
here=$(cd "$(dirname "$0")" && pwd)
install -m 0755 "$here/k0s" /usr/local/bin/k0s
mkdir -p /var/lib/k0s/images
cp "$here/images.tar" /var/lib/k0s/images/
case $role in
single) k0s install controller --single "$@" ;;
controller | worker) k0s install "$role" "$@" ;;
*)
    echo "install.sh: no role $role; it is single, controller or worker" >&2
    exit 64
    ;;
esac
k0s start
