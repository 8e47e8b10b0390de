# shellcheck shell=sh disable=SC2154
# Keep what this host runs Kubernetes with, before another version comes: programs and files of ours, static pods, the
# kubelet's settings. Two generations stay. Variables: keep (a folder named by the version).
set -eu
umask 077
[ ! -e "$keep/done" ] || exit 0
state=/var/lib/bundler
rm -rf "$keep/root"
mkdir -p "$keep/root"
{
    [ ! -f $state/contents ] || cut -c66- $state/contents | grep '^/usr/local/bin/' || :
    [ ! -f $state/written ] || grep '^/etc/kubernetes/\|^/etc/systemd/system/kubelet\|^/etc/crictl.yaml$' $state/written || :
    find /etc/kubernetes/manifests -name '*.yaml' 2>/dev/null || :
    find /var/lib/kubelet -maxdepth 1 \( -name '*.yaml' -o -name '*.env' \) 2>/dev/null || :
    for file in journal contents written; do echo $state/$file; done
} | sort -u | while read -r file; do
    [ -f "$file" ] || continue
    mkdir -p "$keep/root${file%/*}"
    # A program is replaced as a whole, so a second name for it costs nothing. Ours are added to in place.
    case $file in
    /usr/local/bin/*) ln "$file" "$keep/root$file" 2>/dev/null || cp -a "$file" "$keep/root$file" ;;
    *) cp -a "$file" "$keep/root$file" ;;
    esac
done
sync
: >"$keep/done"
find "${keep%/*}" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -n | head -n -2 | cut -d' ' -f2- | xargs -r rm -rf
