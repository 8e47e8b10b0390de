# shellcheck shell=sh disable=SC2154
# Put back what an earlier version ran with. Variables: keep (its folder).
set -eu
umask 077
state=/var/lib/bundler
put() {
    if cmp -s "$keep/root$1" "$1"; then return 0; fi
    mkdir -p "${1%/*}"
    # The kubelet takes every file among the static pods for one, but those that begin with a dot.
    cp -a "$keep/root$1" "${1%/*}/.bundler-new"
    mv -f "${1%/*}/.bundler-new" "$1"
}
archives() { grep " $state/archives/" "$1" 2>/dev/null | sort -u; }
old=$keep/root$state
# A container runtime that came with the newer version stays; the next run is told that it is another one.
if [ "$(archives "$old/contents")" != "$(archives "$state/contents")" ] && [ -f "$old/journal" ]; then
    grep -v '"step": "runtime/' "$old/journal" >"$old/journal.new" || :
    mv -f "$old/journal.new" "$old/journal"
fi
find "$keep/root" -type f | sort | while read -r file; do
    file=${file#"$keep/root"}
    case $file in
    "$state"/*) ;;
    *) put "$file" ;;
    esac
done
for file in contents written journal; do
    [ ! -f "$old/$file" ] || put "$state/$file"
done
systemctl daemon-reload
