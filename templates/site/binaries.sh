# shellcheck shell=sh disable=SC2154
# Unpack container runtime archives. Variables: archives (files, in order).
# An archive's top folder tells where it goes: bin/ as in containerd's own, opt/ usr/ etc/ as in its `cri-` bundles,
# bare files are CNI plug-ins when the archive is named so, else programs.
set -eu
umask 022
unpack() {
    archive=$1 target=$2
    mkdir -p "$target"
    tar -tzf "$archive" | while read -r name; do
        case $name in
        */ | .) ;;
        /* | *..*) echo "$archive: refusing the name $name" >&2 && exit 1 ;;
        *) ledger_file "$target/${name#./}" ;;
        esac
    done
    tar -xzf "$archive" -C "$target" --no-same-owner
}
for archive in $archives; do
    base=${archive##*/}
    case $base in
    cni-plugins*) unpack "$archive" /opt/cni/bin ;;
    cri-containerd*) unpack "$archive" / ;;
    containerd*) unpack "$archive" /usr/local ;;
    *) unpack "$archive" /usr/local/bin ;;
    esac
done
