# shellcheck shell=sh
# Whether every node is Ready, and every pod of the system that has not ended; else who is not. It asks and does not
# wait: `kubectl wait` gives all of them one time together, which a busy machine uses up.
set -eu
# The template is kubectl's:
# shellcheck disable=SC2016
not_ready='{{range .items}}{{$ok := eq (printf "%v" .status.phase) "Succeeded"}}{{range .status.conditions}}{{if and (eq .type "Ready") (eq .status "True")}}{{$ok = true}}{{end}}{{end}}{{if not $ok}}{{.metadata.name}} {{end}}{{end}}'
late=$(kubectl get nodes -o go-template="$not_ready")
late=$late$(kubectl --namespace kube-system get pods -o go-template="$not_ready")
if [ -n "$late" ]; then
    echo "not Ready: $late" >&2
    exit 1
fi
