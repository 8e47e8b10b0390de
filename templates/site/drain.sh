# shellcheck shell=sh disable=SC2154
# Move what runs on a node to others. What holds it up is named. Variables: node, limit (seconds), delete (pods that
# nothing recreates and somebody named, as NAMESPACE/NAME).
set -eu
nodes=$(kubectl get nodes -o name)
printf '%s\n' "$nodes" | grep -qxF -e "node/$node" || exit 0
if [ "$(kubectl get node "$node" -o 'jsonpath={.spec.unschedulable}')" != true ]; then
    # A cordon of a person stays one; ours says so.
    kubectl annotate --overwrite node "$node" bundler/cordoned=leave >/dev/null
    kubectl cordon "$node" >/dev/null
fi
for pod in $delete; do
    kubectl -n "${pod%%/*}" delete pod "${pod##*/}" --ignore-not-found >/dev/null
done
if said=$(kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout "${limit}s" 2>&1); then exit 0; fi
printf '%s\n' "$said" | grep -v '^evicting pod\|^WARNING: ignoring DaemonSet' | sort -u | tail -n 8 >&2

# The template is kubectl's:
# shellcheck disable=SC2016
budgets=$(kubectl get poddisruptionbudgets -A -o 'go-template={{range .items}}{{if not .status.disruptionsAllowed}}{{.metadata.namespace}} {{.metadata.name}} {{range $k, $v := .spec.selector.matchLabels}}{{$k}}={{$v}},{{end}}{{"\n"}}{{end}}{{end}}')
printf '%s\n' "$budgets" | while read -r namespace budget labels; do
    [ -n "$budget" ] || continue
    kubectl -n "$namespace" get pods -l "${labels%,}" --field-selector "spec.nodeName=$node" -o name </dev/null |
        while read -r pod; do
            echo "$pod in namespace $namespace is held by the disruption budget $budget, which allows no disruption now" >&2
        done
done
echo "$node still runs pods after $limit s; it stays cordoned, and the next run continues from here" >&2
exit 1
