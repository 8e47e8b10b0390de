# shellcheck shell=sh disable=SC2154
# Take an app away by what was noted of it. Needs kubectl.sh and app-objects.sh. Claims of volumes, namespaces and
# definitions stay, and so do the data. Standard input: the request for Helm. Variables: note, app, kind, namespace,
# folder, runtime, library, volumes (yes: its claims go, too).
set -eu
noted() { kubectl -n kube-system get configmap "$note" --ignore-not-found -o 'jsonpath={.data.objects}'; }
objects=$(noted)
of_kind() { printf '%s\n' "$objects" | awk -v kind="$1" '$2 == kind { print $3, $4 }'; }
claims=$(of_kind PersistentVolumeClaim)
# What a StatefulSet claims is called TEMPLATE-SET-NUMBER, and is no object of the app.
sets=$(of_kind StatefulSet | while read -r home name; do
    for template in $(kubectl -n "$home" get statefulset "$name" --ignore-not-found -o 'jsonpath={.spec.volumeClaimTemplates[*].metadata.name}'); do
        echo "$home $template-$name-"
    done
done)
by_helm=no
# Helm deletes every claim that its chart has, so it is asked only where there is none or they are to go.
if [ "$kind" = helm ] && [ -x "$runtime/start" ] && [ -f "$library" ] && { [ -z "$claims" ] || [ -n "$volumes" ]; }; then
    export HELM_C_LIB="$library" HOME=/var/lib/bundler/helm
    export HELM_CACHE_HOME=$HOME/cache HELM_CONFIG_HOME=$HOME/config HELM_DATA_HOME=$HOME/data
    mkdir -p "$HOME"
    if "$runtime/start" helm-agent; then by_helm=yes; fi
fi
if [ "$by_helm" = no ]; then
    here=$(printf '%s\n' "$objects" |
        awk 'NF && $2 != "PersistentVolumeClaim" && $2 != "PersistentVolume" && $2 != "Namespace" && $2 != "CustomResourceDefinition"' |
        objects_json | kubectl get -f - --ignore-not-found -o "go-template=$objects_template" || :)
    [ -z "$here" ] ||
        printf '%s\n' "$here" | objects_json | kubectl delete -f - --ignore-not-found --cascade=foreground --timeout=300s
    [ "$kind" != helm ] || kubectl -n "$namespace" delete secrets -l "owner=helm,name=$app" --ignore-not-found
fi
if [ -n "$volumes" ]; then
    printf '%s\n' "$claims" | while read -r home name; do
        [ -z "$name" ] || kubectl -n "$home" delete persistentvolumeclaim "$name" --ignore-not-found --timeout=120s
    done
    printf '%s\n' "$sets" | while read -r home start; do
        [ -n "$start" ] || continue
        kubectl -n "$home" get persistentvolumeclaims --no-headers -o custom-columns=:metadata.name |
            grep -x "${start}[0-9]*" | while read -r name; do
            kubectl -n "$home" delete persistentvolumeclaim "$name" --ignore-not-found --timeout=120s
        done
    done
fi
kubectl -n kube-system delete configmap "$note" --ignore-not-found
rm -rf "$folder"
