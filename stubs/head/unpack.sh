# Unpack the runtime below $home, so that it appears whole or not at all; gives 1 when there is no room.
unpack() {
    have=$(free "$home")
    [ -n "$nodiskspace" ] || [ "$have" -ge $((runtime_kib + 1024)) ] || {
        note "$home: $((runtime_kib / 1024 + 1)) MiB are needed, $((have / 1024)) MiB are free" && return 1
    }
    [ "$runtime_length" -ne 0 ] || [ -n "$lender" ] ||
        fail $absent "this file has only what changed since $base_name $base_version, and no installer" \
            "neither the .run of $base_name $base_version nor what it put on a control plane is here" \
            "put that .run into the same folder, or name it with --base FILE, or start this on the control plane"
    choose_sha256
    [ "$(installer | sha256)" = "$runtime_sha256" ] ||
        fail $integrity "the installer in this file is damaged$(damaged_parts)" "its sha256 is wrong" "copy the file again"
    fresh=$home/.new.$host.$$
    if mkdir "$fresh" && installer | gzip -dc | tar -xof - -C "$fresh"; then
        # For this start alone: it stays under the name by which a later start knows what a killed one left.
        [ -z "$private" ] || { runtime=$fresh && return 0; }
        # Where another start was quicker, ours lands inside of its folder and goes again.
        mv "$fresh" "$runtime" || fail $space "cannot rename $fresh"
        rm -rf "$runtime/.new.$host.$$"
        fresh=
        return 0
    fi
    rm -rf "$fresh"
    fresh=
    note "$home: unpacking failed, see above"
    return 1
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

# Find or make the unpacked runtime below the folder given by --target: sets runtime.
place_below() {
    [ -d "$1" ] || { quiet mkdir "$1" && made=$1; } || fail $usage "$1: the folder cannot be made"
    private=yes
    [ -z "$keep" ] || private=''
    try "$1" && place_in_home && return
    code=$space
    [ -z "$noexec" ] || code=$unsupported
    fail $code "the installer cannot be unpacked there:$notes" "" "name another --target, or none"
}

# Find or make the runtime below $home; gives 1 when there is no room.
place_in_home() {
    sweep
    runtime=$home/$runtime_sha256.$host.$boot
    [ -d "$runtime" ] || unpack
}

# Remove what was unpacked for this start alone, and what was left half-made.
# shellcheck disable=SC2317  # called by the trap
clean() {
    [ -z "$fresh" ] || rm -rf "$fresh"
    [ -z "$private" ] || quiet rmdir "$home"
    [ -z "$made" ] || [ -n "$keep" ] || quiet rmdir "$made"
}

# Find or make the unpacked runtime: sets runtime.
place() {
    me=$(id -u)
    # An unpacked runtime is used until the machine restarts: a power cut can tear files that were not yet on disk.
    boot=$(quiet cat /proc/sys/kernel/random/boot_id) || boot=0
    host=$(uname -n)
    case $host in '' | *[!A-Za-z0-9-]*) host=host ;; esac
    [ -z "$1" ] || { place_below "$1" && return; }
    [ -d /var/lib/bundler ] || [ "$me" != 0 ] || (umask 022 && quiet mkdir -p /var/lib)
    for candidate in "${TMPDIR:-}" /var/tmp "${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}" /var/lib/bundler; do
        [ -n "$candidate" ] || continue
        [ -d "$candidate" ] || [ "$candidate" = "${TMPDIR:-}" ] || quiet mkdir "$candidate"
        try "$candidate" && place_in_home && return
    done
    code=$space
    [ -z "$noexec" ] || code=$unsupported
    fail $code "there is no place to unpack the installer to; tried:$notes" "" \
        "TMPDIR=FOLDER sh $0 ..., a folder of yours with $((runtime_kib / 1024 + 1)) MiB free, not mounted noexec"
}
