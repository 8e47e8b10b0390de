#!/bin/bash
# Puts the newest backup of each database back, as that database's own account. Tables that it has are replaced.
set -euo pipefail
umask 077
trap 'rm -f /tmp/client.cnf' EXIT
for name in $DATABASES; do
  # shellcheck disable=SC2012  # the names are ours
  newest=$(ls -1r /backup/"$name"-*.sql.gz | head -n 1)
  printf '[client]\nuser = %s\npassword = "%s"\n' "$name" "$(cat "/secrets/databases/$name")" >/tmp/client.cnf
  echo "$name: $newest"
  gunzip -c "$newest" | mariadb --defaults-file=/tmp/client.cnf --host="$HOST" "$name"
done
