# shellcheck shell=sh disable=SC2154
# Keep the program that this host runs Kubernetes with, and what it reads, before another version comes. Two generations
# stay. Variables: keep (a folder named by the version), program, config (a folder).
set -eu
umask 077
[ ! -e "$keep/done" ] || exit 0
rm -rf "$keep/root"
mkdir -p "$keep/root${program%/*}" "$keep/root${config%/*}"
# The program is replaced as a whole, so a second name for it costs nothing.
ln "$program" "$keep/root$program" 2>/dev/null || cp -a "$program" "$keep/root$program"
cp -a "$config" "$keep/root$config"
sync
: >"$keep/done"
find "${keep%/*}" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -n | head -n -2 | cut -d' ' -f2- | xargs -r rm -rf
