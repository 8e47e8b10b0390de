#!/bin/bash
# Writes all databases to /backup, as of one moment, and keeps the newest $KEEP. Restore: see the entry's README.
set -euo pipefail
umask 077
new=/backup/.new
trap 'rm -f "$new" /tmp/client.cnf' EXIT
printf '[client]\nuser = backup\npassword = "%s"\n' "$(cat /secrets/backup/password)" >/tmp/client.cnf
# shellcheck disable=SC2086  # several names
mariadb-dump --defaults-file=/tmp/client.cnf --host="$HOST" --single-transaction --routines --events --databases \
  $DATABASES | gzip >"$new"
mv "$new" "/backup/$(date -u +%Y%m%dT%H%M%SZ).sql.gz"
# shellcheck disable=SC2012  # the names are ours
ls -1r /backup/*.sql.gz | tail -n +$((KEEP + 1)) | xargs -r rm --
ls -l /backup
