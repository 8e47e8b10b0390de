#!/bin/sh
# Starts a Sentinel. It keeps what it learnt on the volume; at first, server 0 is the master.
set -eu
: "${ORDINAL:?}" "${MEMBERS:?}"
# A pod that started before its Services were known to the kubelet finds no addresses. The next start will.
case $MEMBERS in *'$'*)
  echo "the members' addresses are not known yet: $MEMBERS" >&2
  exit 1
  ;;
esac
password=$(cat /secrets/password)
# shellcheck disable=SC2086  # one word for each member
set -- $MEMBERS
first=$1 quorum=$(($# / 2 + 1))
shift "$ORDINAL"
umask 077
if [ ! -s /data/sentinel.conf ]; then
  cat >/data/.new <<CONF
port 26379
dir /tmp
protected-mode no
requirepass $password
sentinel announce-ip $1
sentinel monitor main $first 6379 $quorum
sentinel auth-pass main $password
sentinel down-after-milliseconds main 3000
sentinel failover-timeout main 10000
CONF
  mv /data/.new /data/sentinel.conf
fi
exec redis-sentinel /data/sentinel.conf
