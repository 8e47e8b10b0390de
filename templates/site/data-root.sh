# shellcheck shell=sh disable=SC2154
# Put the registry's store on another disk. Variables: root (the folder there), store (where it is looked for).
set -eu
if [ -L "$store" ] && [ "$(readlink "$store")" != "$root/registry" ]; then
    echo "the registry's store is $(readlink "$store"): dataRoot cannot change after the first install" >&2
    exit 1
fi
if [ -d "$store" ] && [ ! -L "$store" ]; then
    rmdir "$store" 2>/dev/null || {
        echo "$store holds images already: dataRoot cannot change after the first install" >&2
        exit 1
    }
fi
ledger_tree "$root/registry"
mkdir -p "$root/registry"
chmod 0700 "$root/registry"
ledger_state
ln -sfn "$root/registry" "$store"
