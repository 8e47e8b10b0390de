# shellcheck shell=sh disable=SC2154
# Whether this host gets an image from somebody else's registry, before anything changes. Variables: address and port,
# image (a whole name there), login (USER:PASSWORD or nothing), ca (PEM or nothing).
# Where containerd runs, it pulls; else the registry has at least to answer.
set -eu
if [ ! -S /run/containerd/containerd.sock ] || ! command -v ctr >/dev/null 2>&1; then
    timeout 10 bash -c "exec 3<>/dev/tcp/$address/$port" || {
        echo "$address:$port does not answer this host" >&2
        exit 1
    }
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
set -- ctr -n k8s.io images pull --local
ctr images pull --help 2>&1 | grep -q -e '--local' || set -- ctr -n k8s.io images pull
if [ -n "$ca" ]; then
    printf '%s\n' "$ca" >"$folder/ca.pem"
    set -- "$@" --tlscacert "$folder/ca.pem"
fi
[ -z "$login" ] || set -- "$@" --user "$login"
timeout 120 "$@" "$image" >/dev/null
