# shellcheck shell=sh disable=SC2154
# Take out what containerd was once told of registries that the bundle no longer names. Variables: certs (a folder of
# ours), names (of its folders that stay).
set -eu
[ -d "$certs" ] || exit 0
cd "$certs"
for folder in * .[!.]*; do
    case " $names " in
    *" $folder "*) ;;
    *) rm -rf -- "./$folder" ;;
    esac
done
