# shellcheck shell=sh disable=SC2154
# Install or upgrade a release. Standard input: the request.
# Variables: runtime (folder of the frozen installer), library, inputs (digest of the chart). Exit status 75: what is in
# the release did not become ready in time; which pods, and why, is said then.
set -eu
: "$inputs"
export HELM_C_LIB="$library" HOME=/var/lib/bundler/helm
export HELM_CACHE_HOME=$HOME/cache HELM_CONFIG_HOME=$HOME/config HELM_DATA_HOME=$HOME/data
mkdir -p "$HOME"
# Helm waits in silence: meanwhile the first pod that is not ready is named. Nothing of it outlives the step but a
# sleep that holds none of our streams.
pods_awaited() {
    while sleep "${pods_every:-14}" >/dev/null 2>&1; do
        kubectl get pods -A --no-headers 2>/dev/null | while read -r namespace pod ready state _; do
            case $state in
            Completed | Succeeded) continue ;;
            Running) [ "${ready%/*}" != "${ready#*/}" ] || continue ;;
            esac
            echo "pod $namespace/$pod: $ready ready, $state"
        done | head -n 1
    done
}
pods_awaited &
awaited=$!
status=0
said=$("$runtime/start" helm-agent) || status=$?
kill "$awaited" 2>/dev/null || :
wait "$awaited" 2>/dev/null || :
# Its objects are for app-noted.sh, the rest is for people.
mkdir -p /var/lib/bundler/apps
printf '%s\n' "$said" | sed -n 's/^object //p' >/var/lib/bundler/apps/objects
printf '%s\n' "$said" | sed '/^object /d'
[ "$status" = 0 ] || {
    diagnose >&2 || :
    exit "$status"
}
