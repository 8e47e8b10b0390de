# shellcheck shell=sh disable=SC2154
# Install or upgrade a release. Standard input: the request.
# Variables: runtime (folder of the frozen installer), library, inputs (digest of the chart). Exit status 75: what is in
# the release did not become ready in time; which pods, and why, is said then.
set -eu
: "$inputs"
export HELM_C_LIB="$library" HOME=/var/lib/bundler/helm
export HELM_CACHE_HOME=$HOME/cache HELM_CONFIG_HOME=$HOME/config HELM_DATA_HOME=$HOME/data
mkdir -p "$HOME"
status=0
said=$("$runtime/start" helm-agent) || status=$?
# Its objects are for app-noted.sh, the rest is for people.
mkdir -p /var/lib/bundler/apps
printf '%s\n' "$said" | sed -n 's/^object //p' >/var/lib/bundler/apps/objects
printf '%s\n' "$said" | sed '/^object /d'
[ "$status" = 0 ] || {
    diagnose >&2 || :
    exit "$status"
}
