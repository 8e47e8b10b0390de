# shellcheck shell=sh disable=SC2154
# Take a member out of etcd, if those that stay keep a majority; nothing to do when it is none any more. To be run on a
# control plane that stays. Variables: member (the node's name), address (of the host). The rule is that of
# bundler/installer/site/quorum.py.
set -eu
members=$(etcd_members)
voters=0 healthy=0 learners=0
id='' urls='' state='' well=0 stays=''
while IFS=, read -r one _ name peers clients learner; do
    ok=0
    if etcd_healthy "$clients" </dev/null; then ok=1; fi
    if [ "$name" = "$member" ] || [ "${peers#*"//$address:"}" != "$peers" ]; then
        id=$one urls=$clients state=$learner well=$ok
    elif [ "$learner" = true ]; then
        learners=$((learners + 1))
    elif [ "$ok" = 1 ]; then
        stays="$stays $one=$clients"
    fi
    if [ "$learner" = false ]; then
        voters=$((voters + 1)) healthy=$((healthy + ok))
    fi
done <<LIST
$members
LIST
[ -n "$id" ] || exit 0

refuse() {
    echo "$member can't leave etcd: $1" >&2
    exit 1
}
[ "$learners" = 0 ] || refuse "a member of etcd is still a learner: let its join end first"
[ "$healthy" -ge $((voters / 2 + 1)) ] ||
    refuse "$healthy of etcd's $voters members are healthy and a removal needs $((voters / 2 + 1)): start the others, or restore a snapshot"
if [ "$state" = false ]; then
    [ "$voters" -gt 1 ] || refuse "it is etcd's last member: delete the cluster instead"
    left=$((voters - 1)) able=$((healthy - well))
    [ "$able" -ge $((left / 2 + 1)) ] ||
        refuse "$able of the $left members that stay would be healthy and they need $((left / 2 + 1)): mend those first, or remove one of them"
    if [ "$well" = 1 ] && etcd_leads "$urls"; then
        heir=${stays# }
        etcdctl --endpoints "$urls" move-leader "${heir%%=*}"
    fi
fi
etcdctl --endpoints "$etcd_here" member remove "$id"

# Everybody that stays knows of it, and follows a leader.
agreed() {
    for stay in $stays; do
        url=${stay#*=}
        ! etcdctl --endpoints "$url" member list | grep -q "^$id," || return 1
        etcd_healthy "$url" || return 1
    done
}
tries=0
until agreed; do
    tries=$((tries + 1))
    if [ "$tries" -gt 60 ]; then
        echo "some members of etcd have not applied the removal of $member yet" >&2
        exit 1
    fi
    sleep 1
done
