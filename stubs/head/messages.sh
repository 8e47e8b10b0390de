# Run a command without its complaints. There may be no /dev/null to send them to.
quiet() {
    # shellcheck disable=SC2034  # it is only taken away
    { complaint=$("$@" 2>&1 >&3); } 3>&1
}

say() { printf '%s\n' "$*" >&2; }

# A line of the answer, unless --quiet was given.
tell() { [ -n "$silent" ] || printf '%s\n' "$*"; }

# fail CODE WHAT [WHY] [FIX]
fail() {
    say "${0##*/}: $2"
    [ -z "${3:-}" ] || say "  why: $3"
    [ -z "${4:-}" ] || say "  fix: $4"
    exit "$1"
}

need() {
    missing=
    for tool in "$@"; do
        found=$(command -v "$tool") || missing="$missing $tool"
    done
    [ -z "$missing" ] || fail $unsupported "this machine lacks:$missing" \
        "they are needed to read this file" "install them (coreutils, tar, gzip), or put busybox on PATH"
}
