# shellcheck shell=sh disable=SC2154,SC2015,SC2174
# Writes standard input to a file beside its place, then renames it; one that is right is left alone.
# path, mode, mask: of the file. keep: not empty to keep a copy of what stands there. state: our folder.
umask 022
failed() {
    ! full_disk || exit "$bundler_full"
    exit 1
}
ours() { case $path in "$state"/*) ;; *) false ;; esac; }
keep_copy() { # what somebody may have made of a file of ours, the last one of each
    [ -n "$keep" ] && [ -f "$path" ] || return 0
    mkdir -p -m 0700 "$state/replaced" && cp -p "$path" "$state/replaced/$(printf %s "$path" | tr / _)"
}
new=$path.bundler-new
ours || ledger_dir "${path%/*}"
mkdir -p "${path%/*}" || failed
trap 'rm -f "$new"' EXIT
(umask "$mask" && cat >"$new") && chmod "$mode" "$new" || failed
if [ -f "$path" ] && [ ! -L "$path" ] && cmp -s "$new" "$path"; then
    chmod "$mode" "$path" || exit 1
else
    ours || ledger_file "$path" || failed
    keep_copy || failed
    mv -fT "$new" "$path" || failed
fi
noted
