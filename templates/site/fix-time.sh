# shellcheck shell=sh
# Start the time service that is installed.
set -eu
for unit in chrony.service chronyd.service systemd-timesyncd.service ntpsec.service ntpd.service; do
    systemctl cat "$unit" >/dev/null 2>&1 || continue
    ledger_unit "$unit"
    systemctl enable -q "$unit"
    systemctl restart "$unit"
    exit 0
done
echo "no time service is installed: install chrony, or add PACKAGE … chrony to the Kubefile" >&2
exit 1
