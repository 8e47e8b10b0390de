#!/bin/bash
# Runs one member of the Galera cluster: decides whether this one founds the cluster or joins it, then becomes mariadbd.
#
#   ORDINAL   which of the members it is, from 0
#   ADDRESS   its own address
#   MEMBERS   the lasting addresses of all members, in order
#   GCACHE    how much of the latest changes it keeps for others that were away
#
# A member joins where another one runs. Where none does (first start, power cut), each tells the others over HTTP how
# far its data go, and once all are heard the one that knows most founds the cluster anew; of equals the first one.
# So none founds it without having seen what the others know. One that will never come back: docs, "After a power cut".
set -euo pipefail
: "${ORDINAL:?}" "${ADDRESS:?}" "${MEMBERS:?}" "${GCACHE:?}"

volume=/data
data=$volume/mysql
shared=/run/galera # served over HTTP: state, ready
port=4569
settings=/etc/galera/my.cnf
# A pod that started before its Services were known to the kubelet finds no addresses. The next start will.
case $MEMBERS in *'$'*)
  echo "the members' addresses are not known yet: $MEMBERS" >&2
  exit 1
  ;;
esac
read -ra members <<<"$MEMBERS"

say() { printf '%s member %s: %s\n' "$(date -u +%FT%TZ)" "$ORDINAL" "$*" >&2; }

# What the others read: `POSITION UUID` (SEQNO is -2 where there are no data), `starting`, or `running`.
tell() { printf '%s\n' "$1" >"$shared/.state" && mv "$shared/.state" "$shared/state"; }

# (busybox wget ends with a segmentation fault where -T is given.)
hear() { timeout 2 busybox wget -q -O - "http://$1:$port/state" 2>/dev/null || echo unknown; }

# How far the data on disk go, as `SEQNO UUID`.
position() {
  if [ ! -d "$data" ]; then
    echo "-2 none"
    return
  fi
  local uuid seqno recovered
  uuid=$(sed -n 's/^uuid: *//p' "$data/grastate.dat" 2>/dev/null || :)
  seqno=$(sed -n 's/^seqno: *//p' "$data/grastate.dat" 2>/dev/null || :)
  if [ "${seqno:--1}" = -1 ]; then # it did not end in order: ask the storage engine
    recovered=$(mariadbd --defaults-file=$settings --skip-networking --wsrep-recover \
      --wsrep-cluster-address=gcomm:// --log-error=/dev/stderr 2>&1 |
      sed -n 's/.*Recovered position: *//p' | tail -n 1)
    uuid=${recovered%%:*}
    seqno=${recovered##*:}
    seqno=${seqno%%,*} # a domain and server id may follow
  fi
  echo "${seqno:--1} ${uuid:-none}"
}

# `join`, or `found` where this member is the one to do so.
decide() {
  local own=$1 index state seqno best chosen heard
  while :; do
    best=-3 chosen=-1 heard=0
    for index in "${!members[@]}"; do
      if [ "$index" = "$ORDINAL" ]; then state=$own; else state=$(hear "${members[$index]}"); fi
      case $state in
        running)
          echo join
          return
          ;;
        unknown | starting) ;;
        *)
          heard=$((heard + 1)) seqno=${state%% *}
          if [ "$seqno" -gt "$best" ]; then best=$seqno chosen=$index; fi
          ;;
      esac
    done
    if [ -e "$shared/force" ] || { [ "$heard" = "${#members[@]}" ] && [ "$chosen" = "$ORDINAL" ]; }; then
      echo found
      return
    fi
    sleep 1
  done
}

# The first data: system tables, an account for backups, a database and an account for each file in /secrets/databases.
install_data() {
  local new=$volume/new file name
  rm -rf "$new"
  mariadb-install-db --no-defaults --datadir="$new" --force --skip-test-db --skip-name-resolve \
    --auth-root-authentication-method=socket --auth-root-socket-user=mysql >&2
  {
    echo "FLUSH PRIVILEGES;"
    echo "CREATE USER 'backup'@'%' IDENTIFIED BY '$(cat /secrets/backup/password)';"
    echo "GRANT SELECT, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, RELOAD, PROCESS ON *.* TO 'backup'@'%';"
    for file in /secrets/databases/*; do
      [ -f "$file" ] || continue
      name=${file##*/}
      echo "CREATE DATABASE \`$name\` CHARACTER SET utf8mb4;"
      echo "CREATE USER '$name'@'%' IDENTIFIED BY '$(cat "$file")';"
      echo "GRANT ALL ON \`$name\`.* TO '$name'@'%';"
    done
  } | mariadbd --no-defaults --datadir="$new" --bootstrap --wsrep-on=OFF --log-error=/dev/stderr --tmpdir=/tmp
  mv "$new" "$data"
}

# Once a second: whether this member may be asked (`ready` is there), and that it runs.
watch_over() {
  local query="SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'wsrep_ready'"
  while sleep 1; do
    if [ "$(timeout 2 mariadb --defaults-file=$settings -N -B -e "$query" 2>/dev/null)" = ON ]; then
      tell running
      echo ready >"$shared/ready"
    else
      rm -f "$shared/ready"
    fi
  done
}

rm -f "$shared"/{ready,state,.state,force}
own=$(position)
tell "$own"
busybox httpd -p "$ADDRESS:$port" -h "$shared"
say "data go to: $own"
way=$(decide "$own")
say "will $way"

options=()
others=()
for index in "${!members[@]}"; do
  [ "$index" = "$ORDINAL" ] || others+=("${members[$index]}")
done
if [ "$way" = found ]; then
  [ -d "$data" ] || install_data
  rm -f "$data/gvwstate.dat"
  if [ -e "$data/grastate.dat" ]; then sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$data/grastate.dat"; fi
  options+=(--wsrep-new-cluster)
else
  tell starting
  mkdir -p "$data"
fi
# One that is silent for 3 s is left out.
provider="gmcast.listen_addr=tcp://$ADDRESS:4567;gcache.size=$GCACHE"
provider+=";evs.suspect_timeout=PT3S;evs.inactive_timeout=PT8S"
peers=$(IFS=, && echo "${others[*]-}")
watch_over &
exec mariadbd --defaults-file=$settings --bind-address="$ADDRESS" --wsrep-node-address="$ADDRESS" \
  --wsrep-node-name="member-$ORDINAL" --wsrep-provider-options="$provider" \
  --wsrep-cluster-address="gcomm://$peers" "${options[@]}"
