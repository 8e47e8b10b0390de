#!/bin/sh
# Becomes Patroni, which starts PostgreSQL as primary or standby. All that differs between members is in the environment.
set -eu
PATRONI_SUPERUSER_PASSWORD=$(cat /secrets/superuser)
PATRONI_REPLICATION_PASSWORD=$(cat /secrets/replication)
export PATRONI_SUPERUSER_PASSWORD PATRONI_REPLICATION_PASSWORD
exec patroni /etc/patroni/patroni.yaml
