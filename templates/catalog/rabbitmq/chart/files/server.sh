#!/bin/sh
# Writes a member's secrets and settings, and becomes RabbitMQ.
#
#   ORDINAL   which of the members it is
#   FIRST     the name of member 0
set -eu
: "${ORDINAL:?}" "${FIRST:?}" "${HOME:?}"

umask 077
mkdir -p "$HOME"
rm -f "$HOME/.erlang.cookie" # from the start before, and read-only
tr -d '\n' </secrets/cookie >"$HOME/.erlang.cookie"
chmod 0400 "$HOME/.erlang.cookie"
{
  cat /scripts/rabbitmq.conf
  echo "default_user = app"
  echo "default_pass = $(cat /secrets/password)"
} >"$RABBITMQ_CONFIG_FILE"

# New members that all look for one another at once could each found a cluster. So member 0 does, and the others join it.
# One that has data knows where it belongs, and waits for nobody.
if [ "$ORDINAL" != 0 ] && [ ! -e "$RABBITMQ_MNESIA_BASE" ]; then
  until nc -w 2 "$FIRST" 5672 </dev/null >/dev/null 2>&1; do
    echo "member $ORDINAL is new and waits for $FIRST" >&2
    sleep 2
  done
fi
exec rabbitmq-server
