# shellcheck shell=sh
# What to look at when something did not become ready: nodes, then pods that are not ready with their last events and,
# where a container ended, its last words; then what has no pod at all, and volumes that nobody gives.
kubectl get nodes --no-headers 2>&1 | grep -v ' Ready ' | head -n 10
found=0
kubectl get pods -A --no-headers 2>&1 | while read -r namespace pod ready status restarts _; do
    case $status in
    Completed | Succeeded) continue ;;
    Running) [ "${ready%/*}" != "${ready#*/}" ] || continue ;;
    esac
    found=$((found + 1))
    [ "$found" -le 4 ] || { echo "and more pods that are not ready" && break; }
    echo "pod $namespace/$pod: $ready ready, $status, $restarts restarts"
    kubectl -n "$namespace" get events --field-selector "involvedObject.name=$pod" --sort-by=.lastTimestamp \
        -o 'custom-columns=REASON:.reason,MESSAGE:.message' --no-headers 2>/dev/null | tail -n 3 | sed 's/^/    /'
    case $status in
    *CrashLoopBackOff | *Error | *OOMKilled)
        kubectl -n "$namespace" logs "$pod" --all-containers --prefix --tail 3 2>/dev/null | tail -n 6 | sed 's/^/    /'
        ;;
    esac
done
# A quota, a webhook or a missing account refuses pods before they are there.
kubectl get events -A --field-selector type=Warning --sort-by=.lastTimestamp --no-headers \
    -o 'custom-columns=K:.involvedObject.kind,N:.involvedObject.namespace,O:.involvedObject.name,R:.reason,M:.message' \
    2>/dev/null | while read -r kind namespace object reason message; do
    case $kind in
    ReplicaSet | StatefulSet | DaemonSet | Job | PersistentVolumeClaim)
        echo "$kind $namespace/$object: $reason $message"
        ;;
    esac
done | tail -n 4
