#!/bin/sh
# The node agent of the pod network. On every node it
#   - keeps the configuration of the CNI plug-ins for the node's own range of pod addresses,
#   - keeps a host route to every other node's range, in step with the cluster's Node objects,
#   - masquerades what pods send out of the cluster (pods see each other's own addresses).
# What it made stays when it is stopped or replaced: pods keep their network meanwhile.
#
#   cni-bridge          run (needs NODE_NAME)
#   cni-bridge ready    succeed when the configuration and all routes are in place
set -u

# busybox's ip can't filter by protocol, so our routes carry a metric by which we know them, and a protocol number by
# which others do: `ip route flush proto 77` takes them all away.
METRIC=7710
PROTOCOL=77
HOST_CNI=${HOST_CNI:-/host/cni}
PROXY=${PROXY:-/var/lib/kube-proxy}
STATE=${STATE:-/run/cni-bridge}

say() { echo "cni-bridge: $*"; }

# ---- what is to be

# Reads the cluster's nodes into $STATE/nodes: name|range|address, one a line.
list_nodes() {
    nodes list >"$STATE/nodes.new" && mv "$STATE/nodes.new" "$STATE/nodes"
}

configuration() {
    cat <<EOF
{
  "cniVersion": "1.0.0",
  "name": "bundler",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "mtu": $2,
      "isDefaultGateway": true,
      "hairpinMode": true,
      "ipam": {"type": "host-local", "dataDir": "/run/cni/networks", "ranges": [[{"subnet": "$1"}]]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
}

mtu_of() {
    device=$(ip -4 -o addr show | awk -v address="$1" '{ split($4, part, "/"); if (part[1] == address) { print $2; exit } }')
    cat "/sys/class/net/${device:-none}/mtu" 2>/dev/null || echo 1500
}

# ---- making it so

configure() {
    own=$(grep "^$NODE_NAME|" "$STATE/nodes")
    range=$(echo "$own" | cut -d '|' -f 2)
    address=$(echo "$own" | cut -d '|' -f 3 | cut -d ' ' -f 1)
    if [ -z "$range" ]; then
        say "node $NODE_NAME has no spec.podCIDR yet"
        return 1
    fi
    configuration "$range" "$(mtu_of "$address")" >"$STATE/conflist"
    cmp -s "$STATE/conflist" "$HOST_CNI/10-bundler.conflist" && return 0
    # the runtime reads every *.conflist: it must never see half of one
    cp "$STATE/conflist" "$HOST_CNI/.10-bundler.new" && mv "$HOST_CNI/.10-bundler.new" "$HOST_CNI/10-bundler.conflist" &&
        say "pods of this node get addresses of $range"
}

# The lines of the second file that the first one hasn't.
new_lines() { awk 'FILENAME == ARGV[1] { known[$0] = 1; next } !($0 in known)' "$1" "$2"; }

# "RANGE via ADDRESS", one a line: as it is to be, and as our routes are now
wanted_routes() {
    awk -F '|' -v self="$NODE_NAME" \
        '$1 != self && $2 != "" && $3 != "" { split($3, one, " "); print $2 " via " one[1] }' "$STATE/nodes"
}
present_routes() {
    ip -4 route show | awk -v metric="$METRIC" \
        '{ for (i = 4; i < NF; i++) if ($2 == "via" && $i == "metric" && $(i + 1) == metric) print $1 " via " $3 }'
}

route_all() {
    wanted_routes >"$STATE/wanted" && present_routes >"$STATE/present"
    # the old ones first: where a range moves to another node, its old route is in the way of the new one
    new_lines "$STATE/wanted" "$STATE/present" | while read -r range via address; do
        ip route del "$range" "$via" "$address" metric "$METRIC" && say "no more route to $range via $address"
    done
    new_lines "$STATE/present" "$STATE/wanted" | {
        failed=0
        while read -r range via address; do
            if ip route replace "$range" "$via" "$address" metric "$METRIC" proto "$PROTOCOL"; then
                say "route to $range via $address"
            else
                say "no route to $range via $address: nodes of this network must share a link"
                failed=1
            fi
        done
        return "$failed"
    }
}

rule() {
    table=$1 chain=$2
    shift 2
    iptables -w -t "$table" -C "$chain" "$@" -m comment --comment bundler-cni 2>/dev/null ||
        iptables -w -t "$table" -A "$chain" "$@" -m comment --comment bundler-cni
}

filter() {
    pods=$(sed -n 's/^clusterCIDR: *"\{0,1\}\([0-9./]*\).*/\1/p' "$PROXY/config.conf" 2>/dev/null)
    pods=${pods:-$(grep "^$NODE_NAME|" "$STATE/nodes" | cut -d '|' -f 2)}
    rule nat POSTROUTING -s "$pods" ! -d "$pods" -j MASQUERADE &&
        rule filter FORWARD -s "$pods" -j ACCEPT &&
        rule filter FORWARD -d "$pods" -j ACCEPT
}

apply() {
    if configure && route_all && filter; then
        touch "$STATE/ready"
    else
        rm -f "$STATE/ready"
    fi
}

# ---- what happens, one line each: ADDED|… MODIFIED|… DELETED|… from the API server, END when its stream ends, TICK

watch_nodes() {
    while :; do
        # whole lines only, so that they don't mix with the ticks
        nodes watch | while read -r line; do echo "$line"; done
        echo END
        sleep 1
    done
}

tick() { while sleep 10; do echo TICK; done; }

events() {
    tick &
    watch_nodes
}

# A stream begins with every node there is. The first line makes us list them all, so what went away while no stream was
# open is noticed; after that only a line that says something new does (a node reports its health often).
follow() {
    current=no
    while IFS='|' read -r event name range address; do
        case $event in
        END) current=no ;;
        TICK) [ "$current" = no ] && list_nodes && current=yes ;;
        DELETED) current=no ;;
        *) grep -qxF "$name|$range|$address" "$STATE/nodes" 2>/dev/null || current=no ;;
        esac
        [ "$event" = TICK ] || [ "$event" = END ] || [ "$current" = yes ] || { list_nodes && current=yes; } || continue
        [ -s "$STATE/nodes" ] && apply
    done
}

case ${1-run} in
ready)
    # the probe waits a while itself: a node is Ready at once, and none is reported as unhealthy for a second
    tries=0
    until [ -e "$STATE/ready" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 35 ] || exit 1
        sleep 0.1
    done
    ;;
run)
    : "${NODE_NAME:?is not set: it is this node\'s name in the cluster}"
    trap 'exit 0' TERM INT
    mkdir -p "$STATE" && rm -f "$STATE/ready" "$STATE/nodes"
    events | follow &
    wait
    ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
