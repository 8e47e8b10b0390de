# shellcheck shell=sh disable=SC2154
# Make a learner a voter as soon as it is in sync. Variables: id (of the member).
set -eu
tries=0
while etcd_members | grep -q "^$id,.*,true$"; do
    ! etcdctl --endpoints "$etcd_here" member promote "$id" >/dev/null 2>&1 || break
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ]; then
        echo "learner $id does not catch up with the leader" >&2
        exit 1
    fi
    sleep 1
done
