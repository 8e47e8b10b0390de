# shellcheck shell=sh disable=SC2154
# Run a plug-in's Python module with the installer's own Python. Variables: runtime (folder of the frozen installer),
# script (the module), request (a file of JSON that the plan wrote).
set -eu
[ ! -e /etc/kubernetes/admin.conf ] || export KUBECONFIG=/etc/kubernetes/admin.conf
"$runtime/start" plugin-agent "$script" <"$request"
