# shellcheck shell=sh
# What to look at when something did not become ready: nodes, then pods that are not ready with their last events.
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
done
