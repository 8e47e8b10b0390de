# shellcheck shell=sh disable=SC2154
# Make a host ready for what follows. Standard input: lines for /etc/hosts. Variables: modules, sysctls
# (KEY=VALUE), least (the same; what is higher already stays), remembered (settings that others will change: kubelet,
# kube-proxy), trees and folders (that others will make; a tree goes with all that is in it, a folder when nothing is
# in it any more).
set -eu
umask 022
mkdir -p /var/lib/bundler
chmod 0700 /var/lib/bundler

for tree in $trees; do ledger_tree "$tree"; done
for folder in $folders; do ledger_dir "$folder"; done
ledger_new /run/xtables.lock
ledger_block /etc/hosts site

# What is built into the kernel is not always known to modprobe.
there() {
    case $1 in
    overlay) grep -qw overlay /proc/filesystems ;;
    br_netfilter) [ -e /proc/sys/net/bridge ] ;;
    *) false ;;
    esac
}
for module in $modules; do
    # What is loaded already, or built in, is not ours to unload.
    [ -e "/sys/module/$module" ] || there "$module" || ledger_module "$module"
    modprobe "$module" || there "$module" || {
        echo "the kernel module $module can't be loaded: install the kernel's module package" >&2
        exit 1
    }
done
if [ -n "$modules" ]; then
    ledger_file /etc/modules-load.d/bundler.conf
    mkdir -p /etc/modules-load.d
    # A list of plain words:
    # shellcheck disable=SC2086
    printf '%s\n' $modules >/etc/modules-load.d/bundler.conf
fi

for key in $remembered; do ledger_remember "$key"; done
ledger_file /etc/sysctl.d/90-bundler.conf
mkdir -p /etc/sysctl.d
: >/etc/sysctl.d/90-bundler.conf.new
for setting in $sysctls; do
    key=${setting%%=*} value=${setting#*=}
    if [ ! -e "/proc/sys/$key" ]; then
        echo "the kernel has no setting $key: load the module it belongs to (br_netfilter for net/bridge)" >&2
        exit 1
    fi
    ledger_sysctl "$key" "$value"
    printf '%s = %s\n' "$key" "$value" >>/etc/sysctl.d/90-bundler.conf.new
done
for setting in $least; do
    key=${setting%%=*} value=${setting#*=}
    now=$(cat "/proc/sys/$key" 2>/dev/null || echo "$value")
    [ "$now" -lt "$value" ] || continue
    ledger_sysctl "$key" "$value"
    printf '%s = %s\n' "$key" "$value" >>/etc/sysctl.d/90-bundler.conf.new
done
mv -f /etc/sysctl.d/90-bundler.conf.new /etc/sysctl.d/90-bundler.conf
