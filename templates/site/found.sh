# shellcheck shell=sh
# How the network looked before us; written once, read by `delete`.
if [ ! -e /var/lib/bundler/found/done ]; then
    mkdir -p /var/lib/bundler/found
    ls /sys/class/net >/var/lib/bundler/found/links
    cat /proc/net/route >/var/lib/bundler/found/routes
    : >/var/lib/bundler/found/done
fi
