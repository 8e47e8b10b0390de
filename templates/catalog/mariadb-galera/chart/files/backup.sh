#!/bin/bash
# Writes each database to /backup, as of one moment, and keeps the newest $KEEP of each.
set -euo pipefail
umask 077
trap 'rm -f /backup/.new /tmp/client.cnf' EXIT
printf '[client]\nuser = backup\npassword = "%s"\n' "$(cat /secrets/backup/password)" >/tmp/client.cnf
stamp=$(date -u +%Y%m%dT%H%M%SZ)
for name in $DATABASES; do
  mariadb-dump --defaults-file=/tmp/client.cnf --host="$HOST" --single-transaction --routines --events "$name" |
    gzip >/backup/.new
  mv /backup/.new "/backup/$name-$stamp.sql.gz"
  # shellcheck disable=SC2012  # the names are ours
  ls -1r /backup/"$name"-*.sql.gz | tail -n +$((KEEP + 1)) | xargs -r rm --
done
ls -l /backup
