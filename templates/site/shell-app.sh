# shellcheck shell=sh disable=SC2154
# Run an app's own commands in its folder. Variables: folder, environment (a file), inputs (digest of the app's files).
set -eu
: "$inputs"
cd "$folder"
set -a
# The plan wrote it:
# shellcheck disable=SC1090
. "$environment"
set +a
export KUBECONFIG=/etc/kubernetes/admin.conf
