# shellcheck shell=sh disable=SC2154
# Run a plug-in's script with the site's variables. Variables: environment and script (files that the plan wrote),
# moment (of the run), node (the host's address).
set -eu
set -a
# shellcheck disable=SC1090
. "$environment"
set +a
export BUNDLER_MOMENT="$moment" BUNDLER_HOST="$node" BUNDLER_ROOT=/var/lib/bundler/root
[ ! -e /etc/kubernetes/admin.conf ] || export KUBECONFIG=/etc/kubernetes/admin.conf
if command -v bash >/dev/null 2>&1; then bash "$script" </dev/null; else sh "$script" </dev/null; fi
