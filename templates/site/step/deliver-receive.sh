# shellcheck shell=sh disable=SC2154
# Receives `missing` one behind the other from standard input, checks them while the next ones come in, and puts
# all of `unplaced` into place when all are right; then notes the step. `placed` are there already.
# contents: the list of what came out of bundles. batch_size: bytes after which checking starts.
# wrong: the exit status for a digest that is not right.
# shellcheck disable=SC2174  # of the folders, only the deepest is ours
mkdir -p -m 0700 "$state" && mkdir -p "$box" || exit 1
# A copy whose connection was cut may still hang in its read and write into our files later: it is ended.
# Whoever holds the lock is alive, so the number in it is no stranger's; its children hold it too.
exec 9>>"$box.lock"
flock -n 9 || {
    read -r old <"$box.lock" && kill -s KILL -- "-$old"
    flock -w 10 9 || {
        echo "another run is copying to this host" >&2
        exit 1
    }
}
echo $$ >"$box.lock"
rm -f "$box/list" "$box/checking"
job='' batch=0
check() { # the list is long enough: check it while the next files come in
    [ -f "$box/list" ] || return 0
    finish
    mv "$box/list" "$box/checking" || exit 1
    right "$box/checking" >"$box/said" 2>&1 &
    job=$! batch=0
}
finish() {
    [ -n "$job" ] || return 0
    wait "$job" && job='' && return 0
    cat "$box/said" >&2
    # What waits in our state stays: the next run tells the whole ones from the others by their digests.
    while read -r _ file; do case $file in *"$box"/*) ;; *) rm -f "${file#?}" ;; esac; done <"$box/checking"
    exit "$wrong"
}
folder() {
    [ -d "${path%/*}" ] || { ledger_dir "${path%/*}" && mkdir -p "${path%/*}"; } || exit 1
}
while read -r n size hex mode path <&3; do
    [ -n "$n" ] || continue # no item at all is an empty line
    stage
    case $staged in "$box"/*) ;; *) folder ;; esac
    head -c "$size" >"$staged" || exit 1
    echo "$hex *$staged" >>"$box/list"
    batch=$((batch + size))
    [ "$batch" -lt "$batch_size" ] || check
done 3<<ITEMS
$missing
ITEMS
check
finish
while read -r n size hex mode path <&3; do
    [ -n "$n" ] || continue
    stage
    case $path in "$state"/*) ;; *) ledger_file "$path" || exit 1 ;; esac
    folder
    chmod "$mode" "$staged" && echo "$hex $path" >>"$contents" && mv -fT "$staged" "$path" || exit 1
done 3<<ITEMS
$unplaced
ITEMS
while read -r n size hex mode path <&3; do
    [ -n "$n" ] || continue
    chmod "$mode" "$path" && echo "$hex $path" >>"$contents" || exit 1
done 3<<ITEMS
$placed
ITEMS
rm -rf "$box" "$box.lock"
noted
