# shellcheck shell=sh disable=SC2154
# The journal notes it. Variables: settings (a digest).
set -eu
: "$settings"
