# Put the installer, this file's own or a lent one, into COPY; fails where there is none, or a damaged one.
copy_installer() {
    if [ "$runtime_length" -ne 0 ]; then
        part "$runtime_offset" "$runtime_length" >"$1" || return 1
        [ "$(sha256 <"$1")" = "$runtime_sha256" ] || fail $integrity \
            "the installer in this file is damaged$(damaged_parts)" "its sha256 is wrong" "copy the file again"
    else
        find_lender "$@" || fail $absent \
            "this file has only what changed since $base_name $base_version, and no installer" \
            "the .run of $base_name $base_version, or the one that it rests on in turn, has it; neither they nor what they put on a control plane are here$notes" \
            "put that .run into the same folder, or name it with --base FILE, or start this on the control plane"
    fi
}

# Unpack ARCHIVE into FOLDER. A pipe only tells how its last command ended, so the first one leaves a mark.
# No tar -C: GNU's takes a backslash in the folder's name for the start of a character's code.
unpack_archive() {
    {
        gzip -dc <"$1" || : >"$1.cut"
    } | (cd -P -- "$2" && tar -xof -) && [ ! -e "$1.cut" ]
}

# Print the names of all that lies in FOLDER. What cleans old files out of /var/tmp takes single ones away. Names with
# a dot are ours: the list itself, and what another start is about to remove again.
names_below() {
    (cd -P -- "$1" && LC_ALL=C ls -R)
}

# Whether the runtime is there, with each of its files.
is_unpacked() {
    [ -f "$runtime/start" ] && [ -f "$runtime/.names" ] && [ "$(names_below "$runtime")" = "$(cat "$runtime/.names")" ]
}

# Unpack the runtime below $home, so that it appears whole or not at all; gives 1 when there is no room.
# unpack ARGUMENT...: those of the command line, which may name a lender.
unpack() {
    have=$(free "$home") want=$((runtime_kib + runtime_size / 1024 + 1024))
    [ -n "$nodiskspace" ] || [ "$have" -ge $want ] || {
        note "$home: $((want / 1024)) MiB are needed, $((have / 1024)) MiB are free" && return 1
    }
    choose_sha256
    fresh=$home/.new.$host.$$
    if mkdir "$fresh" && mkdir "$fresh/.unpacked.$$" && copy_installer "$fresh/packed" "$@" &&
        unpack_archive "$fresh/packed" "$fresh/.unpacked.$$"; then
        rm -f "$fresh/packed"
        keep_unpacked "$fresh/.unpacked.$$"
        return 0
    fi
    rm -rf "$fresh"
    fresh=
    note "$home: unpacking failed, see above"
    return 1
}

# Give FOLDER, just unpacked, the name by which later starts find it.
keep_unpacked() {
    names_below "$1" >"$1/.names" || fail $space "cannot write to $1"
    # For this start alone: it stays under the name by which a later start knows what a killed one left.
    [ -z "$private" ] || { runtime=$1 && return 0; }
    # What has the name, and isn't whole, goes. Where another start was quicker, ours lands inside of its folder.
    [ ! -e "$runtime" ] || is_unpacked || rm -rf "$runtime"
    quiet mv "$1" "$runtime" || is_unpacked || fail $space "cannot rename $1"
    rm -rf "${runtime:?}/.unpacked.$$" "$fresh"
    fresh=
}

# Remove what starts that were killed, and runtimes from before this machine's last restart, have left.
sweep() {
    for left in "$home/.new.$host."* "$home/.probe.$host."*; do
        quiet kill -0 "${left##*.}" || rm -rf "$left"
    done
    for left in "$home"/*."$host".*; do
        [ "${left##*.}" = "$boot" ] || rm -rf "$left"
    done
}

# Find or make the unpacked runtime below the folder given by --target, in front of the arguments: sets runtime.
place_below() {
    [ -d "$1" ] || { quiet mkdir "$1" && made=$1; } || fail $usage "$1: the folder cannot be made"
    private=yes
    [ -z "$keep" ] || private=''
    try "$1" && shift && place_in_home "$@" && return
    code=$space
    [ -z "$noexec" ] || code=$unsupported
    fail $code "the installer cannot be unpacked there:$notes" "" "name another --target, or none"
}

# Find or make the runtime below $home; gives 1 when there is no room.
place_in_home() {
    sweep
    runtime=$home/$runtime_sha256.$host.$boot
    is_unpacked || unpack "$@"
}

# Remove what was unpacked for this start alone, and what was left half-made.
# shellcheck disable=SC2317  # called by the trap
clean() {
    [ -z "$fresh" ] || rm -rf "$fresh"
    [ -z "$private" ] || quiet rmdir "$home"
    [ -z "$made" ] || [ -n "$keep" ] || quiet rmdir "$made"
}

# place TARGET ARGUMENT...: find or make the unpacked runtime, below TARGET where that is no empty word: sets runtime.
place() {
    # An unpacked runtime is used until the machine restarts: a power cut can tear files that were not yet on disk.
    boot=$(quiet cat /proc/sys/kernel/random/boot_id) || boot=0
    host=$(uname -n)
    case $host in '' | *[!A-Za-z0-9-]*) host=host ;; esac
    [ -z "$1" ] || { place_below "$@" && return; }
    shift
    [ -d /var/lib/bundler ] || [ "$me" != 0 ] || (umask 022 && quiet mkdir -p /var/lib)
    for candidate in "${TMPDIR:-}" /var/tmp "${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}" /var/lib/bundler; do
        [ -n "$candidate" ] || continue
        [ -d "$candidate" ] || [ "$candidate" = "${TMPDIR:-}" ] || quiet mkdir "$candidate"
        try "$candidate" && place_in_home "$@" && return
    done
    code=$space
    [ -z "$noexec" ] || code=$unsupported
    fail $code "there is no place to unpack the installer to; tried:$notes" "" \
        "TMPDIR=FOLDER sh $0 ..., a folder of yours with $((runtime_kib / 1024 + 1)) MiB free, not mounted noexec"
}
