# shellcheck shell=sh disable=SC2154
# Once a day on each control plane: approve what kubelets of the site ask for, and renew this host's certificates within
# the last days of their life. Variables: node (its name), days, config (kubeadm's, for this host), renew (a script that
# renews, with the configuration as its standard input), lock (a file that an installer at work holds).
set -eu
export LC_ALL=C.UTF-8
record=/var/lib/bundler/record.json

if [ -e "$lock" ] && ! flock -n "$lock" true; then
    echo "an installer is running; will try again next time"
    exit 0
fi

# Each host of the record as `NODE HEX`: the names that a request of its kubelet has to have, no more and no less. Newer
# records have more fields, so that only the two that are needed are looked for; hosts that were removed do not count.
hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
names_of() { # NODE ADDRESS
    dns=$(printf '82%02x' "${#1}")$(hex "$1")
    ip=8704$(printf '%s\n' "$2" | tr . ' ' | { read -r a b c d && printf '%02x%02x%02x%02x' "$a" "$b" "$c" "$d"; })
    both=$dns$ip
    size=$((${#both} / 2))
    printf '%s 0603551d1104%02x30%02x%s\n' "$1" $((size + 2)) "$size" "$both"
}
site_names() {
    sed 's/.*"hosts":\[//; s/\],"kept":.*//' "$record" | grep -o '"\(address\|node_name\)":"[^"]*"' | cut -d'"' -f4 |
        while read -r address && read -r name; do
            case $address in
            *[!0-9.]*) ;; # kubelets of IPv6 are left to the installer
            *) names_of "$name" "$address" ;;
            esac
        done
}
approve() { wanted=$(site_names) && approve_kubelets 2>/dev/null; }

approve || echo "the API or a kubelet does not answer"
left() { kubeadm certs check-expiration --config "$config" 2>/dev/null | awk '$6 == "UTC" { print $1, $7 }'; }
due=$(left | while read -r name residual; do
    case $residual in
    *y) ;;
    *d) [ "${residual%d}" -ge "$days" ] || echo "$name" ;;
    *) echo "$name" ;;
    esac
done)
if [ -z "$due" ] && [ ! -e /var/lib/bundler/renewing ]; then exit 0; fi
echo "renewing what expires soon: $(printf '%s' "$due" | tr '\n' ' ')"
sh "$renew" <"$config"
tries=0
until pods_serve "$node" kube-apiserver kube-controller-manager kube-scheduler 2>/dev/null && approve; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ]; then
        echo "the control plane of $node does not serve with its new certificates" >&2
        exit 1
    fi
    sleep 1
done
date +%s >/var/lib/bundler/renewed
rm -f /var/lib/bundler/renewing
