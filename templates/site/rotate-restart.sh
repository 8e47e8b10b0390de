# shellcheck shell=sh disable=SC2154
# Start the pods anew that may ask the API, as most read at their start alone whom they trust: by what runs them, so that
# their own rules for updates hold. Variables: stage (done once for each), limit (seconds until all run).
set -eu
mark=/var/lib/bundler/rotate-ca/restarted-$stage
# The template is kubectl's:
# shellcheck disable=SC2016
kubectl get deployments,daemonsets,statefulsets -A -o 'go-template={{range .items}}{{$auto := print .spec.template.spec.automountServiceAccountToken}}{{$by := print .spec.strategy.type .spec.updateStrategy.type}}{{if and (ne $auto "false") (not (eq $by "<nil>OnDelete" "OnDelete<nil>" "OnDelete"))}}{{.kind}} {{.metadata.namespace}} {{.metadata.name}}{{"\n"}}{{end}}{{end}}' >"$mark.list"
if [ ! -e "$mark" ]; then
    while read -r kind namespace name; do
        kubectl -n "$namespace" rollout restart "$kind/$name" </dev/null
    done <"$mark.list"
    : >"$mark"
fi
end=$(($(date +%s) + limit))
while read -r kind namespace name; do
    left=$((end - $(date +%s)))
    [ "$left" -gt 1 ] || left=1
    kubectl -n "$namespace" rollout status "$kind/$name" --timeout "${left}s" </dev/null >/dev/null || {
        echo "$kind $namespace/$name does not become Ready after its restart: fix it, then run the same command" >&2
        exit 1
    }
done <"$mark.list"
