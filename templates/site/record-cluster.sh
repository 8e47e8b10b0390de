# shellcheck shell=sh disable=SC2154
# Keep the site's record in the cluster, if the one that is there is the one that was read. Standard input: a ConfigMap.
# Variables: before (GENERATION.SERIAL, or `none`).
set -eu
manifest=$(cat)
found=$(kubectl -n kube-system get configmap bundler-record --ignore-not-found -o 'jsonpath={.data.age} {.metadata.resourceVersion}')
if [ -z "$found" ]; then
    printf '%s' "$manifest" | kubectl create -f - || exit 77
    exit 0
fi
# A cluster that was restored may hold an older one than the control planes do; a newer one is somebody else's.
older() { printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1; }
age=${found%% *}
if [ "$before" != "$age" ] && { [ "$before" = none ] || [ "$(older "$age" "$before")" != "$age" ]; }; then exit 77; fi
version=${found##* }
printf '%s' "$manifest" | sed "s/\"metadata\": {/\"metadata\": {\"resourceVersion\": \"$version\", /" | kubectl replace -f - || exit 77
