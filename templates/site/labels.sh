# shellcheck shell=sh
# Labels and taints of new nodes. Standard input: lines "NODE label KEY=VALUE", "NODE taint TAINT", "NODE untaint TAINT".
set -eu
while read -r node what text; do
    kubectl get node "$node" >/dev/null 2>&1 </dev/null || continue # it failed to join, and was excused
    case $what in
    label) kubectl label --overwrite node "$node" "$text" </dev/null ;;
    taint) kubectl taint --overwrite node "$node" "$text" </dev/null ;;
    untaint) kubectl taint node "$node" "$text-" </dev/null 2>/dev/null || true ;; # it never had it
    esac
done
