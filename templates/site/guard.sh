# shellcheck shell=sh disable=SC2154
# A step enters itself under its run's lock (lock.sh), so that it is known where the connection is lost.
# Variables: lock_folder, lock_owner.

# guard STEP SECONDS: how long a later run shall wait for it. Whoever takes a host over first puts its name down, then
# looks for steps; so a step either sees the new name or is seen. The step's own children must not have descriptor 8.
guard() {
    mkdir -p "$lock_folder/steps" && exec 8>"$lock_folder/steps/$$" && flock 8 || exit 1
    printf '%s %s\n' "$1" "$2" >&8
    read -r guard_holder _ <"$lock_folder/lock"
    [ "$guard_holder" = "$lock_owner" ] || {
        echo "another run has taken this host over" >&2
        exit 76
    }
}
