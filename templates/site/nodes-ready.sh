# shellcheck shell=sh disable=SC2154
# Exit 0 when every named node is Ready. Variables: nodes (NAME/ADDRESS), bundler_lost (addresses of hosts that failed and
# were excused; may be unset).
set -eu
ready=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name}={range .status.conditions[?(@.type=="Ready")]}{.status}{end}{"\n"}{end}')
missing=
for entry in $nodes; do
    case " ${bundler_lost:-} " in *" ${entry#*/} "*) continue ;; esac
    node=${entry%%/*}
    printf '%s\n' "$ready" | grep -qxF -e "$node=True" || missing="$missing $node"
done
if [ -n "$missing" ]; then
    echo "not Ready:$missing" >&2
    exit 1
fi
