# shellcheck shell=sh
# Take out links, routes and packet filter rules of the cluster. Standard input: the addresses of the site's hosts.
set -u
found=/var/lib/bundler/found
if [ ! -e "$found/done" ]; then exit 0; fi

for link in /sys/class/net/*; do
    link=${link##*/}
    if grep -qxF -e "$link" "$found/links"; then continue; fi
    case $link in
    cni* | veth* | flannel* | kube-* | cali* | vxlan.calico | cilium* | lxc* | nodelocaldns) ip link delete "$link" 2>/dev/null ;;
    esac
done

# Routes to pods lead through other hosts of this site.
dotted() {
    printf '%d.%d.%d.%d' "0x$(printf %s "$1" | cut -c7-8)" "0x$(printf %s "$1" | cut -c5-6)" \
        "0x$(printf %s "$1" | cut -c3-4)" "0x$(printf %s "$1" | cut -c1-2)"
}
sites=" $(tr '\n' ' ') "
while read -r device destination gateway flags uses1 uses2 metric mask rest; do
    if grep -q "^$device	$destination	$gateway	" "$found/routes"; then continue; fi
    case $sites in
    *" $(dotted "$gateway") "*) ip route del "$(dotted "$destination")/$(dotted "$mask")" via "$(dotted "$gateway")" ;;
    esac
done <<LIST
$(tail -n +2 /proc/net/route)
LIST

# By the names of their chains, or by the network plug-in's name in a comment. Built-in chains come into being when they
# are first looked at, and stay, empty.
ours='KUBE-\|CNI-\|FLANNEL\|cali-\|CILIUM\|bundler-cni'
for family in iptables ip6tables; do
    command -v "$family-save" >/dev/null 2>&1 || continue
    rules=$("$family-save" 2>/dev/null)
    if printf '%s\n' "$rules" | grep -q -e "$ours"; then
        printf '%s\n' "$rules" | grep -v -e "$ours" | "$family-restore"
    fi
done

# kube-proxy and CNI plug-ins in nftables mode have tables of their own.
if command -v nft >/dev/null 2>&1; then
    nft list tables 2>/dev/null | while read -r _ family name; do
        case $name in
        kube-proxy | cni_hostport | cni_plugins_*) nft delete table "$family" "$name" ;;
        esac
    done
fi
exit 0
