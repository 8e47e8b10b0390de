# shellcheck shell=sh disable=SC2154
# Exit 0 when every node is Ready at its new address. Variables: nodes (NAME/ADDRESS).
set -eu
found=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name}/{range .status.addresses[?(@.type=="InternalIP")]}{.address}{end}={range .status.conditions[?(@.type=="Ready")]}{.status}{end}{"\n"}{end}')
late=
for node in $nodes; do
    printf '%s\n' "$found" | grep -qxF -e "$node=True" || late="$late $node"
done
if [ -n "$late" ]; then
    echo "not Ready there yet:$late" >&2
    exit 1
fi
