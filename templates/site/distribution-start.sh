# shellcheck shell=sh disable=SC2154
# Start a distribution that is one program, for the first time on this host: it begins a cluster or joins one. Standard
# input: the environment of this start. Variables: unit, program (its name), environment (the file that the unit reads),
# token (a file to make first, or nothing), admin, ca and kubelet (what the program makes, to be linked to where others
# look; the first two are empty on a worker), spent (a file that goes afterwards, whatever happens, or nothing), inputs.
set -eu
: "$inputs"
export LC_ALL=C.UTF-8
if [ -n "$spent" ]; then
    trap 'rm -f "$spent" "$environment"' EXIT
    trap 'exit 1' HUP INT TERM
fi
link() { # TARGET NAME
    ledger_file "$2"
    mkdir -p "${2%/*}"
    ln -sfn "$1" "$2"
}
mkdir -p "${environment%/*}"
(umask 077 && cat >"$environment")
if [ -n "$token" ] && [ ! -s "$token" ]; then
    (umask 077 && head -c 32 /dev/urandom | sha256sum | cut -c1-64 >"$token")
fi
ledger_unit "$unit"
link "$kubelet" /etc/kubernetes/kubelet.conf
if [ -n "$admin" ]; then
    link "$program" /usr/local/bin/kubectl
    link "$admin" /etc/kubernetes/admin.conf
    link "$ca" /etc/kubernetes/pki/ca.crt
fi
systemctl daemon-reload
systemctl enable -q "$unit"
systemctl restart "$unit"

there() { if [ -n "$admin" ]; then kubectl get --raw /readyz >/dev/null 2>&1; else [ -s "$kubelet" ]; fi; }
tries=0
until there; do
    tries=$((tries + 1))
    if [ "$tries" -gt 480 ] || systemctl is-failed -q "$unit"; then
        echo "$unit did not come up" >&2
        journalctl -u "$unit" -n 20 --no-pager >&2
        exit 1
    fi
    sleep 1
done
