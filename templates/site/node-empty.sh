# shellcheck shell=sh disable=SC2154
# Take off a node what a drain leaves: pods of DaemonSets, which Services would lead to until long after the node is gone.
# What tolerates everything, as the network does, stays to the end. Variables: node.
set -eu
nodes=$(kubectl get nodes -o name)
printf '%s\n' "$nodes" | grep -qxF -e "node/$node" || exit 0
kubectl taint --overwrite node "$node" bundler/leaving=:NoExecute >/dev/null
tries=0 quiet=0
while [ "$tries" -lt 60 ] && [ "$quiet" -lt 2 ]; do
    sleep 1
    tries=$((tries + 1))
    going=$(kubectl get pods -A --field-selector "spec.nodeName=$node" \
        -o 'jsonpath={range .items[?(@.metadata.deletionTimestamp)]}{.metadata.name} {end}')
    if [ -n "$going" ]; then quiet=0; else quiet=$((quiet + 1)); fi
done
[ "$quiet" -gt 0 ] || echo "still terminating after 60 s: $going" >&2
