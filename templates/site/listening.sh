# shellcheck shell=sh disable=SC2154
# Exit 0 when something listens on a TCP port. Variables: port (four hex digits).
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$port [0-9A-F]*:0000 0A "
