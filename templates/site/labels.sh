# shellcheck shell=sh
# Show the site's own roles on its nodes. Standard input: lines "NODE ROLE".
set -eu
while read -r node role; do
    kubectl get node "$node" >/dev/null 2>&1 </dev/null || continue # it failed to join, and was excused
    kubectl label node "$node" "node-role.kubernetes.io/$role=" --overwrite </dev/null
done
