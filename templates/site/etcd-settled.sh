# shellcheck shell=sh disable=SC2154
# Exit 0 when every member of etcd is a healthy voter and the named one is among them. Variables: member (a node's name),
# besides (the address of a host whose member does not count, or nothing).
set -eu
members=$(etcd_members)
printf '%s\n' "$members" | cut -d, -f3 | grep -qxF -e "$member" || {
    echo "etcd has no member $member yet" >&2
    exit 1
}
printf '%s\n' "$members" | {
    while IFS=, read -r id state name peers clients learner; do
        [ -z "$besides" ] || [ "${peers#*"//$besides:"}" = "$peers" ] || continue
        if [ "$state" != started ] || [ "$learner" != false ]; then
            echo "member ${name:-$id} is $state, learner: $learner" >&2
            exit 1
        fi
        etcd_healthy "$clients" </dev/null || {
            echo "member $name does not answer at $clients" >&2
            exit 1
        }
    done
}
