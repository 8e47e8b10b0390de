# shellcheck shell=sh disable=SC2154
# Exit 0 when nobody has this address but a control plane of the site. Variables: address, device, hosts (the control
# planes' addresses).
set -eu
if ip -o addr show | grep -qF " $address/"; then exit 0; fi

# A packet, whatever it is, makes the kernel ask who has the address. Prints who answers.
owner() {
    ip neigh del "$1" dev "$device" 2>/dev/null || true
    timeout 1 bash -c "echo >/dev/udp/$1/9" 2>/dev/null || true
    tries=0
    until ip neigh show to "$1" dev "$device" | grep -q 'lladdr\|FAILED' || [ "$tries" = 30 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    ip neigh show to "$1" dev "$device" | sed -n 's/.*lladdr \([^ ]*\).*/\1/p'
}
found=$(owner "$address")
[ -n "$found" ] || exit 0
for host in $hosts; do
    ! ip -o addr show | grep -qF " $host/" || continue
    [ "$(owner "$host")" != "$found" ] || exit 0
done
echo "$address, the API's virtual address, is in use: $found answers for it and is no control plane of this site" >&2
echo "set spec.endpoint.vip to an unused address" >&2
exit 1
