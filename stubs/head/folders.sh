# Print why nobody else could have a hand in what lies below FOLDER; nothing when that is so.
untrusted_owner() {
    walk=$1
    set -- "$walk"
    while [ "$walk" != / ]; do
        walk=${walk%/*}
        walk=${walk:-/}
        set -- "$@" "$walk"
    done
    # In a user namespace / may belong to "nobody"; whoever owns / is trusted like root.
    trusted=$(ls -ldn / | { read -r _ _ owner _ && echo "$owner"; })
    ls -ldn "$@" | while read -r mode _ owner group rest; do
        case $owner in 0 | "$me" | "$trusted") ;; *) echo "${rest##* } belongs to user $owner" ;; esac
        case $mode in
        ????????w[!tT]*) echo "anyone may write to ${rest##* }" ;;
        ?????w???[!tT]+*) echo "an access control list lets others write to ${rest##* }" ;;
        ?????w???[!tT]*) [ "$group" = 0 ] || echo "group $group may write to ${rest##* }" ;;
        esac
    done
}

# shellcheck disable=SC2317  # called by way of quiet
write_probe() {
    printf '#!/bin/sh\nexit 0\n' >"$1" && chmod 700 "$1"
}

# Try a folder as the place of the runtime: sets home, or complains and gives 1.
try() {
    case $1 in /*) base=$1 ;; *) base=$PWD/$1 ;; esac  # a name such as - is an option to cd
    base=$(cd -P -- "$base" 2>&1 && pwd -P && echo end) || { note "$1: cannot be entered" && return 1; }
    base=${base%"${newline}end"}  # else a line break at the name's end would be lost
    case $base in *"$newline"*) note "$1: its name has a line break" && return 1 ;; esac
    why=$(untrusted_owner "$base" | head -n 1)
    [ -z "$why" ] || { note "$base: $why" && return 1; }
    home=$base/bundler-$me
    # A default access control list of $base opens what is made there, whatever the umask.
    ! quiet mkdir "$home" || quiet chmod 700 "$home"
    own=$(quiet ls -ldn "$home")
    # shellcheck disable=SC2086  # split into words on purpose
    set -- $own
    case ${1:-none}:${3:-} in
    drwx------:"$me" | drwx------[.+]:"$me") ;;
    none:*) note "$base: not writable" && return 1 ;;
    *) note "$home: is not a folder that only user $me may use" && return 1 ;;
    esac
    probe=$home/.probe.$host.$$
    if ! quiet write_probe "$probe"; then
        rm -f "$probe"
        note "$base: not writable, or full"
        return 1
    fi
    quiet "$probe"
    ran=$?
    rm -f "$probe"
    [ $ran -eq 0 ] || { note "$base: programs may not be started there (noexec)" && noexec=1 && return 1; }
}

notes=
noexec=
note() {
    notes="$notes
    $*"
}

# Free KiB below FOLDER; a lot where df can't tell.
free() {
    # shellcheck disable=SC2046  # split into words on purpose
    set -- $(quiet df -Pk "$1" | tail -n 1)
    case ${4:-} in '' | *[!0-9]*) echo 999999999 ;; *) echo "$4" ;; esac
}
