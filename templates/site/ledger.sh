# shellcheck shell=sh
# The ledger: what was changed on this host, in order, so that `delete` can undo it backwards.
#
# One line a change, fields parted by tabs, written BEFORE the change is made (a crash between the two costs nothing):
#   dir PATH            a folder that did not exist          removed if empty
#   tree PATH           a folder that did not exist          removed with all that is in it
#   file PATH           a file that did not exist            removed
#   saved PATH COPY     a file that did                      put back from COPY
#   block FILE NAME     marked lines in somebody's file      taken out
#   sysctl KEY OLD      a kernel setting                     set back
#   swap DEVICE         swap that was on                     turned on
#   package NAME        a Debian package that was not there  purged
#   rpm NAME            an rpm package that was not there    erased
#   upgraded NAME OLD   an OS package that was older         told: it can't be undone
#   unit NAME STATE     a systemd unit, `new` or `was-on`    disabled, or left on
#   module NAME         a kernel module that was not loaded  unloaded, unless something uses it by now
# Everything below $BUNDLER_STATE is ours and goes last; it is never listed.
BUNDLER_STATE=/var/lib/bundler
BUNDLER_LEDGER=$BUNDLER_STATE/ledger
BUNDLER_TAB=$(printf '\t')

ledger_state() {
    [ -d "$BUNDLER_STATE" ] || { mkdir -p "$BUNDLER_STATE" && chmod 0700 "$BUNDLER_STATE"; }
}

ledger_note() (
    line=$1
    shift
    for field in "$@"; do line=$line$BUNDLER_TAB$field; done
    ledger_state
    if [ -f "$BUNDLER_LEDGER" ] && grep -qxF -e "$line" "$BUNDLER_LEDGER"; then exit 0; fi
    printf '%s\n' "$line" >>"$BUNDLER_LEDGER"
)

# Whether a line of one of these kinds speaks of exactly this subject: ledger_has SUBJECT KIND...
# grep leaves few lines for the shell, however long the ledger is.
ledger_has() (
    [ -f "$BUNDLER_LEDGER" ] || exit 1
    subject=$1
    shift
    grep -F -e "$BUNDLER_TAB$subject" "$BUNDLER_LEDGER" | {
        while IFS=$BUNDLER_TAB read -r kind found _; do
            [ "$found" = "$subject" ] || continue
            for wanted in "$@"; do [ "$kind" != "$wanted" ] || exit 0; done
        done
        exit 1
    }
)

# Whether the path is ours as a whole: our state, or inside a tree that we made.
ledger_ours() (
    path=$1
    set --
    while [ -n "$path" ]; do
        [ "$path" != "$BUNDLER_STATE" ] || exit 0
        set -- "$@" -e "tree$BUNDLER_TAB$path"
        path=${path%/*}
    done
    [ $# -gt 0 ] && [ -f "$BUNDLER_LEDGER" ] && grep -qxF "$@" "$BUNDLER_LEDGER"
)

ledger_dir() (
    path=${1%/}
    if [ -z "$path" ] || [ -e "$path" ] || ledger_ours "$path"; then exit 0; fi
    ledger_dir "${path%/*}"
    ledger_note dir "$path"
)

ledger_tree() (
    path=${1%/}
    if [ -e "$path" ] || ledger_ours "$path"; then exit 0; fi
    ledger_dir "${path%/*}"
    ledger_note tree "$path"
)

# Before a file is made or replaced.
ledger_file() (
    path=$1
    if ledger_ours "$path" || ledger_has "$path" file saved; then exit 0; fi
    if [ -e "$path" ] || [ -L "$path" ]; then
        ledger_state
        mkdir -p "$BUNDLER_STATE/saved"
        copy=$BUNDLER_STATE/saved/$(printf '%s' "$path" | sha256sum | cut -c1-64)
        rm -rf "$copy.new"
        cp -a "$path" "$copy.new"
        mv -f "$copy.new" "$copy"
        ledger_note saved "$path" "$copy"
    else
        ledger_dir "${path%/*}"
        ledger_note file "$path"
    fi
)

# A file that others will make: only if it is not there yet.
ledger_new() (
    [ -e "$1" ] || ledger_file "$1"
)

# Put lines from standard input between our marks in a file that belongs to somebody else: ledger_block FILE NAME
ledger_block() (
    file=$1 name=$2
    if [ -e "$file" ]; then
        ledger_note block "$file" "$name"
    else
        ledger_file "$file"
        : >"$file"
    fi
    new=$file.bundler-new
    cp -p "$file" "$new"
    {
        sed "/^# bundler begin $name\$/,/^# bundler end $name\$/d" "$file"
        printf '# bundler begin %s\n' "$name"
        cat
        printf '# bundler end %s\n' "$name"
    } >"$new"
    # A file that is a mount of its own can't be replaced, only written to.
    mv -f "$new" "$file" 2>/dev/null || { cat "$new" >"$file" && rm -f "$new"; }
)

# Keep a kernel setting's value, whoever changes it afterwards; the key as below /proc/sys.
ledger_remember() (
    [ -r "/proc/sys/$1" ] || exit 0
    ledger_has "$1" sysctl || ledger_note sysctl "$1" "$(cat "/proc/sys/$1")"
)

# ledger_sysctl KEY VALUE
ledger_sysctl() (
    [ "$(cat "/proc/sys/$1")" != "$2" ] || exit 0
    ledger_remember "$1"
    printf '%s\n' "$2" >"/proc/sys/$1"
)

ledger_module() (ledger_note module "$1")
ledger_package() (ledger_note package "$1")
ledger_rpm() (ledger_note rpm "$1")

# Before a unit is enabled or started.
ledger_unit() (
    ! ledger_has "$1" unit || exit 0
    if systemctl is-active -q "$1" 2>/dev/null; then state=was-on; else state=new; fi
    ledger_note unit "$1" "$state"
)
