# shellcheck shell=sh
# Show the site's own roles on its nodes. Standard input: lines "NODE ROLE".
set -eu
while read -r node role; do
    kubectl label node "$node" "node-role.kubernetes.io/$role=" --overwrite </dev/null
done
