# shellcheck shell=sh disable=SC2154
# Runs `step`, and notes its success with `noted`: both stand before this text.
# bundler_full: the exit status for a step that failed on a full disk.
(step) 8>&-
status=$?
[ "$status" = 0 ] || {
    ! full_disk || exit "$bundler_full"
    exit "$status"
}
noted
