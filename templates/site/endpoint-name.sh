# shellcheck shell=sh
# Where the API's name leads on this host. Standard input: lines for /etc/hosts.
set -eu
ledger_block /etc/hosts endpoint
