# shellcheck shell=sh disable=SC2154
# Tell etcd where its members are from now on. Variables: pairs (OLD=NEW of control planes).
set -eu
for pair in $pairs; do
    id=$(etcd_members | while IFS=, read -r id _ _ peers _ _; do
        [ "$peers" != "https://${pair%%=*}:2380" ] || echo "$id"
    done)
    [ -z "$id" ] || etcdctl --endpoints "$etcd_here" member update "$id" --peer-urls "https://${pair#*=}:2380" >/dev/null
done
