# shellcheck shell=sh disable=SC2154
# A token that lets one kind of host in, for two hours. Variables: role (controller or worker).
set -eu
/usr/local/bin/k0s token create --role="$role" --expiry=2h
