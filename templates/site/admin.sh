# shellcheck shell=sh
# root's kubectl finds the cluster. Somebody's own configuration stays as it is.
set -eu
config=/root/.kube/config
if [ -e "$config" ] || [ -L "$config" ]; then exit 0; fi
ledger_file "$config"
mkdir -p "${config%/*}"
ln -s /etc/kubernetes/admin.conf "$config"
