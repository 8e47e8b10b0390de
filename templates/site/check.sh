# shellcheck shell=sh disable=SC2154
# What `check` asks of a host, in one round trip. It changes nothing and leaves nothing: the one file that it writes has
# no name. Everything that may hang is ended after seconds. Standard input: lines `link ADDRESS PORT...`, who is to be
# reached from here, and `blob HEX`, what the registry has to have. Variables: disk (the folder whose disk is measured,
# "" for none), samples, keys, modules, units, folders (of the file systems), traces (paths that must not be there).
set -u
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin:/usr/bin:/bin"
tell() { echo "@@$1"; }
has() { command -v "$1" >/dev/null 2>&1; }
brief() { timeout 5 "$@" 2>/dev/null | head -c 65536; }
is() { printf '%s %s\n' "$1" "$2"; }
whether() { # NAME TEST...
    name=$1
    shift
    if "$@"; then is "$name" yes; else is "$name" no; fi
}
asked=$(head -c 1048576)
newline='
'

tell values
is pid1 "$(cat /proc/1/comm 2>/dev/null)"
if has systemctl; then
    is systemd "$(brief systemctl --version | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')"
    is state "$(brief systemctl is-system-running)"
    is failed-units "$(brief systemctl list-units --state=failed --plain --no-legend | cut -d' ' -f1 | head -n 20 | tr '\n' ' ')"
    is nofile-hard "$(brief systemctl show -p DefaultLimitNOFILE --value)"
    is proxies "$({ brief systemctl show -p Environment --value; cat /etc/environment 2>/dev/null; } | grep -ioE '(https?|all)_proxy=' | sort -u | tr -d '=' | tr '\n' ' ')"
    is no-proxy "$({ brief systemctl show -p Environment --value; cat /etc/environment 2>/dev/null; } | grep -ioE 'no_proxy="?[^ "]*' | head -n 1 | sed 's/[^=]*="*//')"
fi
# Not by timedatectl: it starts a service, which makes folders below /tmp and /var/tmp.
is timezone "$(readlink /etc/localtime 2>/dev/null | sed 's/.*zoneinfo\///')"
whether local-rtc grep -qsx LOCAL /etc/adjtime
if [ -e /run/systemd/timesync/synchronized ]; then
    is synced yes
elif has chronyc && leap=$(brief chronyc -n tracking | sed -n 's/^Leap status *: *//p') && [ -n "$leap" ]; then
    if [ "$leap" = 'Not synchronised' ]; then is synced no; else is synced yes; fi
elif [ -d /run/systemd/timesync ]; then
    is synced no
fi
whether reboot [ -e /run/reboot-required ]
is clocksource "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2>/dev/null)"
is load5 "$(cut -d' ' -f2 /proc/loadavg)"
sed -n 's/^MemAvailable: *\([0-9]*\).*/available \1/p; s/^HugePages_Total: *\([0-9]*\).*/hugepages \1/p; s/^Hugepagesize: *\([0-9]*\).*/hugepage-size \1/p; s/^SwapTotal: *\([0-9]*\).*/swap \1/p' /proc/meminfo
sed -n 's/^cpu  *//p' /proc/stat | while read -r user nice system idle iowait irq softirq steal _; do
    is cpu-total $((user + nice + system + idle + iowait + irq + softirq + ${steal:-0}))
    is cpu-steal "${steal:-0}"
done
is oom-kills "$(sed -n 's/^oom_kill //p' /proc/vmstat)"
is flags "$(grep -m1 '^flags' /proc/cpuinfo | tr ' ' '\n' | grep -xE 'cx16|lahf_lm|popcnt|sse4_1|sse4_2|ssse3' | sort -u | tr '\n' ' ')"
is controllers "$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null || cut -f1 /proc/cgroups | tr '\n' ' ')"
is machine-id "$(cat /etc/machine-id 2>/dev/null)"
is uuid "$(cat /sys/class/dmi/id/product_uuid 2>/dev/null)"
is static-name "$(head -n 1 /etc/hostname 2>/dev/null)"
is selinux "$(cat /sys/fs/selinux/enforce 2>/dev/null)"
is fips "$(cat /proc/sys/crypto/fips_enabled 2>/dev/null)"
whether seccomp [ -e /proc/sys/kernel/seccomp/actions_avail ]
whether apparmor-parser has apparmor_parser
is nofile "$(sed -n 's/^Max open files *\([^ ]*\).*/\1/p' /proc/self/limits)"
is processes "$(sed -n 's/^Max processes *[^ ]* *\([^ ]*\).*/\1/p' /proc/self/limits)"
has sshd && is sessions "$(brief sshd -T | sed -n 's/^maxsessions //p')"
is conntrack "$(cat /proc/sys/net/netfilter/nf_conntrack_count 2>/dev/null)"
is conntrack-max "$(cat /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null)"
is ext4-errors "$(cat /sys/fs/ext4/*/errors_count 2>/dev/null | sort -n | tail -n 1)"
is package-fault "$(has dpkg && brief dpkg --audit | head -n 1)"
is package-lock "$(has fuser && brief fuser /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/rpm/.rpm.lock | tr -s ' ' | cut -c1-80)"
whether node [ -e /etc/kubernetes/kubelet.conf ]
whether ours [ -e /var/lib/bundler/found/done ] # `check --fix` alone makes no node of it
# Where another file would undo what is set at the next boot:
is sysctl-after "$(grep -lsE '^ *net[./](ipv4[./](ip_forward|conf[./]all[./]forwarding)) *= *0' /etc/sysctl.conf /etc/sysctl.d/9[1-9]*.conf /etc/sysctl.d/[a-z]*.conf 2>/dev/null | head -n 3 | tr '\n' ' ')"
is etcd-link "$(readlink /var/lib/etcd 2>/dev/null)"
is modes "$(stat -c '%a:%n' / /var /var/lib /usr /usr/local /etc 2>/dev/null | tr '\n' ' ')"
is fstab-swap "$(grep -cE '^[^#].*[[:space:]]swap[[:space:]]' /etc/fstab 2>/dev/null)"
for folder in /var/lib/etcd /var/lib; do
    [ -d "$folder" ] || continue
    device=$(stat -c '%d' "$folder" 2>/dev/null)
    for flag in /sys/dev/block/$((device >> 8)):$((device & 255))/queue/rotational /sys/dev/block/$((device >> 8)):$((device & 255))/../queue/rotational; do
        [ ! -e "$flag" ] || { is rotational "$(cat "$flag")" && break; }
    done
    break
done
if has xfs_info; then
    is xfs-ftype "$(brief xfs_info /var/lib/containerd | sed -n 's/.*ftype=\([01]\).*/\1/p')"
fi
start=$(date +%s%N)
is own-name "$(timeout 5 getent hosts "$(cat /proc/sys/kernel/hostname)" 2>/dev/null | head -n 1)"
# A name that nobody has: whoever answers for it answers for every name.
is wildcard "$(timeout 5 getent hosts bundler-check-of-names-1b2f 2>/dev/null | head -n 1)"
is dns-ns $(($(date +%s%N) - start))

tell sysctls
# shellcheck disable=SC2086
(cd /proc/sys && grep -s . $keys /dev/null | tr '\t' ' ' | sed 's/:/ /')
tell modules
release=$(uname -r)
for module in $modules; do
    if [ -e "/sys/module/$module" ] || grep -qsw "$module" /proc/filesystems; then
        is "$module" loaded
    elif [ "$module" = br_netfilter ] && [ -e /proc/sys/net/bridge ]; then
        is "$module" loaded
    elif has modprobe && timeout 5 modprobe -n -q "$module" 2>/dev/null; then
        is "$module" loadable
    elif grep -qs "/$module\.ko" "/lib/modules/$release/modules.builtin"; then
        is "$module" loaded
    elif [ -e "/lib/modules/$release/modules.dep" ] && has modprobe; then
        is "$module" missing
    fi # without a list of modules nobody knows what is built in
done
tell units
# shellcheck disable=SC2086
if has systemctl; then
    timeout 10 systemctl show -p Id,ActiveState $units 2>/dev/null | sed -n 's/^Id=//p; s/^ActiveState=//p' | paste - - 2>/dev/null
fi
tell traces
for path in $traces; do
    [ ! -e "$path" ] || [ -z "$(find "$path" -maxdepth 1 \( ! -type d -o ! -path "$path" \) 2>/dev/null | head -n 1)" ] || echo "$path"
done
tell links-found
printf '%s\n' /sys/class/net/* | sed 's/.*\///' | head -n 500
tell mounts
grep -vE '^[^ ]+ /(proc|sys|dev|run|var/lib/(kubelet|containerd|docker|containers)/)[^ ]* ' /proc/mounts | head -n 300
tell spaces
# df has a line for each folder, in the order in which it was asked.
named() {
    read -r _
    left=$there
    while read -r line && [ -n "$left" ]; do
        is "${left%%"$newline"*}" "$line"
        left=${left#*"$newline"}
    done
}
# shellcheck disable=SC2086
there=$(for folder in $folders; do [ ! -d "$folder" ] || echo "$folder"; done)
# shellcheck disable=SC2086
timeout 5 df -Pk $there 2>/dev/null | named
tell inodes
# shellcheck disable=SC2086
timeout 5 df -Pi $there 2>/dev/null | named
tell interfaces
for link in /sys/class/net/*; do
    name=${link##*/}
    case $name in lo | veth* | cni* | cali* | lxc* | docker* | flannel* | kube-*) continue ;; esac
    line=$name
    for field in address mtu speed duplex operstate statistics/rx_packets statistics/rx_errors; do
        value=-
        { read -r value <"$link/$field" || value=-; } 2>/dev/null
        line="$line ${value:--}"
    done
    echo "$line"
done | head -n 100
tell routes
brief ip -o -4 route show table main | head -n 500
tell resolver
grep -sE '^(nameserver|search|options)' /etc/resolv.conf | head -n 50
grep -sE '^nameserver' /run/systemd/resolve/resolv.conf | sed 's/^/upstream /' | head -n 10
tell chains
# Looking at what isn't loaded would load it.
if has nft && [ -e /sys/module/nf_tables ]; then
    brief nft list chains | grep -oE '(hook (input|forward)|policy drop)' | tr '\n' ' ' | sed 's/hook/\nhook/g' | grep -E . | sort -u
fi
[ ! -s /proc/net/ip_tables_names ] || echo legacy
tell certificates
for path in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-server-current.pem; do
    [ ! -f "$path" ] || is "$path" "$(sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$path" | sed -n '/END/q; /BEGIN/!p' | tr -d '\n' | head -c 16384)"
done
for path in /etc/kubernetes/admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf; do
    [ ! -f "$path" ] || is "$path" "$(sed -n 's/^ *client-certificate-data: *//p' "$path" | head -n 1 | base64 -d 2>/dev/null | sed -n '/END/q; /BEGIN/!p' | tr -d '\n' | head -c 16384)"
done
[ ! -f /var/lib/kubelet/pki/kubelet-client-current.pem ] ||
    is /var/lib/kubelet/pki/kubelet-client-current.pem "$(sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' /var/lib/kubelet/pki/kubelet-client-current.pem | sed -n '/END/q; /BEGIN/!p' | tr -d '\n')"
tell missing-blobs
store=/var/lib/bundler/registry/docker/registry/v2/blobs/sha256
if [ -d "$store" ]; then
    printf '%s\n' "$asked" | sed -n 's/^blob \([0-9a-f]\{64\}\)$/\1/p' | while read -r hex; do
        [ -s "$store/$(printf %s "$hex" | cut -c1-2)/$hex/data" ] || echo "$hex"
    done
fi

tell disk
# The file has no name once it is open; it goes with the last descriptor, however this ends.
if [ -n "$disk" ] && [ -d "$disk" ] && hidden=$(mktemp "$disk/.bundler-check.XXXXXX" 2>/dev/null); then
    exec 9<>"$hidden"
    rm -f "$hidden"
    took() { sed -n 's/.*copied, \([0-9.e-]*\) s.*/\1/p'; }
    done_samples=0
    until=$(($(date +%s) + 8))
    while [ "$done_samples" -lt "$samples" ] && [ "$(date +%s)" -lt "$until" ]; do
        is fsync "$(dd if=/dev/zero of=/proc/self/fd/9 bs=2300 count=1 seek="$done_samples" oflag=dsync conv=notrunc 2>&1 | took)"
        done_samples=$((done_samples + 1))
    done
    is write "$(timeout 10 dd if=/dev/zero of=/proc/self/fd/9 bs=1048576 count=8 conv=notrunc,fdatasync 2>&1 | took)"
    exec 9>&-
fi

tell links
# A port that refuses is reached: who must not get through gets no answer, or "no route" from a firewall.
# The variables are bash's own:
# shellcheck disable=SC2016
if has bash; then
    printf '%s\n' "$asked" | grep '^link ' | head -n 2000 | timeout 12 bash -c '
        try() {
            begun=${EPOCHREALTIME/./}
            said=$({ exec 3<>"/dev/tcp/$1/$2"; } 2>&1) && what=open || case $said in
            *refused*) what=refused ;;
            *"No route"* | *prohibited* | *unreachable*) what=blocked ;;
            *) what=failed ;;
            esac
            ended=${EPOCHREALTIME/./}
            echo "port $1 $2 $what $((ended - begun))"
        }
        count=0
        while read -r _ address ports; do
            for port in $ports; do
                try "$address" "$port" &
                count=$((count + 1))
                [ $((count % 64)) -ne 0 ] || sleep 0.05
            done
        done
        wait' 2>/dev/null
fi
tell mtu
# -M is of iputils: the packet must not be cut.
if has ping && ping -V 2>/dev/null | grep -q iputils; then
    printf '%s\n' "$asked" | sed -n 's/^link \([^ ]*\).*/\1/p' | head -n 200 | {
        while read -r address; do
            route=$(ip -o route get "$address" 2>/dev/null) || continue
            device=${route#* dev }
            { read -r mtu <"/sys/class/net/${device%% *}/mtu"; } 2>/dev/null || continue
            [ "$mtu" -le 9216 ] || mtu=9216
            (
                large=0 small=1
                for count in 1 2; do # a packet may get lost; where a large one comes back, a small one does, too
                    ping -n -q -c "$count" -i 0.2 -W 1 -M 'do' -s $((mtu - 28)) "$address" >/dev/null 2>&1 && large=1 && break
                done
                [ "$large" = 1 ] || ping -n -q -c 1 -W 1 "$address" >/dev/null 2>&1 || small=0
                echo "$address $mtu $large $small"
            ) &
        done
        wait # here: the shell outside does not know of them
    }
fi
tell neighbours
brief ip -4 neigh show | head -n 1000
