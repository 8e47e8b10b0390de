# shellcheck shell=sh disable=SC2154
# Exit 0 when all that the manifests of a folder describe is up. Variables: folder, namespace.
set -eu
objects=$(kubectl get ${namespace:+-n "$namespace"} -f "$folder" -o 'jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\n"}{end}{.kind}/{.metadata.namespace}/{.metadata.name}{"\n"}')
printf '%s\n' "$objects" | while IFS=/ read -r kind namespace name; do
    case $kind in
    Deployment | DaemonSet | StatefulSet)
        kubectl -n "$namespace" rollout status "$kind/$name" --timeout=2s
        ;;
    Job) kubectl -n "$namespace" wait "job/$name" --for=condition=complete --timeout=2s ;;
    Pod) kubectl -n "$namespace" wait "pod/$name" --for=condition=Ready --timeout=2s ;;
    CustomResourceDefinition) kubectl wait "crd/$name" --for=condition=Established --timeout=2s ;;
    esac
done
