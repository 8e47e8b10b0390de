# shellcheck shell=sh disable=SC2154
# Exit 0 when a TCP connection can be made. Variables: address, port.
timeout 3 bash -c "exec 3<>/dev/tcp/$address/$port"
