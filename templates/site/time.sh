# shellcheck shell=sh disable=SC2154
# Let this host's time service follow the site's servers alone. Variables: servers.
set -eu
umask 022
there() { systemctl cat "$1" >/dev/null 2>&1; }

if there chronyd.service || there chrony.service; then
    unit=chrony.service
    there "$unit" || unit=chronyd.service
    config=/etc/chrony/chrony.conf
    [ -e "$config" ] || config=/etc/chrony.conf
    ledger_file "$config"
    # What the distribution's own configuration asks is on the internet: servers and pools go, all else stays.
    sed -E '/^[[:space:]]*(server|pool|peer|sourcedir)[[:space:]]/d; /^# bundler/d' "$config" >"$config.bundler-new"
    for server in $servers; do printf 'server %s iburst\n' "$server"; done >>"$config.bundler-new"
    chmod --reference="$config" "$config.bundler-new"
    mv -f "$config.bundler-new" "$config"
elif there systemd-timesyncd.service; then
    unit=systemd-timesyncd.service
    config=/etc/systemd/timesyncd.conf.d/90-bundler.conf
    ledger_file "$config"
    mkdir -p "${config%/*}"
    printf '[Time]\nNTP=%s\nFallbackNTP=\n' "$servers" >"$config"
else
    echo "this host has neither chrony nor systemd-timesyncd; install one, or add PACKAGE … chrony to the Kubefile" >&2
    exit 1
fi
ledger_unit "$unit"
systemctl enable -q "$unit"
systemctl restart "$unit"
