# shellcheck shell=sh disable=SC2154
# Set kernel settings, now and for the next boot. Variables: settings (KEY=VALUE, keys as below /proc/sys).
set -eu
umask 022
file=/etc/sysctl.d/91-bundler-check.conf
ledger_file "$file"
mkdir -p "${file%/*}"
touch "$file"
for setting in $settings; do
    key=${setting%%=*} value=${setting#*=}
    if [ ! -e "/proc/sys/$key" ]; then
        echo "the kernel has no setting $key" >&2
        exit 1
    fi
    ledger_sysctl "$key" "$value"
    { grep -v "^$key = " "$file" || true; } >"$file.bundler-new"
    printf '%s = %s\n' "$key" "$value" >>"$file.bundler-new"
    mv -f "$file.bundler-new" "$file"
done
