#!/bin/sh
# Starts a Redis as replica of the master that the Sentinels know. Where none of them knows one, server 0 is it.
#
#   ORDINAL, MEMBERS   which of the members it is, and the lasting addresses of all
#   MAX_MEMORY         beyond it the keys that were used least recently go
set -eu
: "${ORDINAL:?}" "${MEMBERS:?}" "${MAX_MEMORY:?}"
# A pod that started before its Services were known to the kubelet finds no addresses. The next start will.
case $MEMBERS in *'$'*)
  echo "the members' addresses are not known yet: $MEMBERS" >&2
  exit 1
  ;;
esac
password=$(cat /secrets/password)
# shellcheck disable=SC2086  # one word for each member
set -- $MEMBERS
first=$1
shift "$ORDINAL"
own=$1

master=
tries=0
while [ -z "$master" ] && [ "$tries" -lt 3 ]; do
  for member in $MEMBERS; do
    master=$(REDISCLI_AUTH=$password timeout 1 redis-cli -h "$member" -p 26379 \
      sentinel get-master-addr-by-name main 2>/dev/null | head -n 1 || :)
    # Its Sentinel may still call this one master. Then it is, unless another took over meanwhile.
    case " $MEMBERS " in *" ${master:-none} "*) break ;; *) master= ;; esac
  done
  tries=$((tries + 1))
  [ -n "$master" ] || sleep 1
done
master=${master:-$first}

umask 077
cat >/run/redis/redis.conf <<CONF
dir /data
port 6379
protected-mode no
requirepass $password
masterauth $password
replica-announce-ip $own
maxmemory $MAX_MEMORY
maxmemory-policy allkeys-lru
appendonly yes
save ""
min-replicas-max-lag 10
CONF
[ "$master" = "$own" ] || echo "replicaof $master 6379" >>/run/redis/redis.conf
echo "server $ORDINAL ($own): the master is $master" >&2
exec redis-server /run/redis/redis.conf
