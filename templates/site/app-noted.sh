# shellcheck shell=sh disable=SC2154
# Note in the cluster that an app runs: whose it is, what it was made of, which objects it has. Needs kubectl.sh and
# app-objects.sh. Variables: note (the config map's name), app, product, kind, role, namespace, folder (of the app's
# files), inputs (digest of these). A script in front may leave lines of objects in the file $state/objects.
set -eu
state=/var/lib/bundler/apps
of_chart() { sed -n "s/^$1: *//p" "$folder/Chart.yaml" 2>/dev/null | tr -d "\"'" | head -n 1; }
objects='' chart='' version='' revision=0
case $kind in
kube)
    objects=$(kubectl get ${namespace:+-n "$namespace"} -f "$folder" --ignore-not-found -o "go-template=$objects_template")
    ;;
helm)
    chart=$(of_chart name) version=$(of_chart version)
    revision=$(kubectl -n "$namespace" get secrets -l "owner=helm,name=$app" -L version --no-headers |
        awk '$NF + 0 > most { most = $NF + 0 } END { print most + 0 }')
    if [ -s "$state/objects" ]; then
        objects=$(objects_json <"$state/objects" | kubectl get -f - --ignore-not-found -o "go-template=$objects_template")
    fi
    ;;
esac
rm -f "$state/objects"
lines=$(printf '%s\n' "$objects" | awk 'NF { printf "%s\\n", $0 }')
kubectl apply --server-side --force-conflicts --field-manager=bundler -f - <<END
{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"$note","namespace":"kube-system","labels":{"bundler/app":"$app"}},
 "data":{"name":"$app","product":"$product","kind":"$kind","role":"$role","namespace":"$namespace","content":"$inputs",
  "chart":"$chart","version":"$version","revision":"$revision","objects":"$lines"}}
END
