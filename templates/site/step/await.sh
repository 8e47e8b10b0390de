# shellcheck shell=sh disable=SC2154
# Tries `attempt` until it succeeds, here on the host: waiting takes no round trips. In the end it shows the
# last output, and what `diagnose` has to say.
# bundler_limit: seconds. bundler_every: seconds between two lines on what is awaited. bundler_pause: between
# two attempts. bundler_late: the exit status when the limit has passed.
end=$(($(date +%s) + bundler_limit))
tell=$(($(date +%s) + bundler_every))
while :; do
    said=$( (attempt) 2>&1 </dev/null 8>&-) && break
    now=$(date +%s)
    if [ "$now" -ge "$tell" ]; then
        printf '%s\n' "$said" | tail -n 1
        tell=$((now + bundler_every))
    fi
    if [ "$now" -ge "$end" ]; then
        printf '%s\n' "$said" >&2
        (diagnose) >&2 2>&1 </dev/null 8>&-
        ! full_disk || exit "$bundler_full"
        exit "$bundler_late"
    fi
    sleep "$bundler_pause"
done
[ -z "${bundler_lost:-}" ] || exit 0 # hosts were left out: the next run waits for them
noted
