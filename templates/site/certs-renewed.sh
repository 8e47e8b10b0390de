# shellcheck shell=sh disable=SC2154
# The renewal has ended here. Variables: since (when it was asked for, in seconds since the epoch).
set -eu
umask 077
printf '%s\n' "$since" >/var/lib/bundler/renewed
rm -f /var/lib/bundler/renewing
