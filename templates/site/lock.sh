# shellcheck shell=sh disable=SC2154
# Hold this host for one run, for as long as standard input lasts. Variables: lock_folder, lock_owner (the run's
# token), who, quiet (seconds without a sign of life after which a holder counts as gone).
# Standard output: `wait TEXT`, then `held`, or `busy TEXT`. Standard input: a line as a sign of life, `done` at the end.
set -u
umask 077
lock=$lock_folder/lock

# The file that is locked must still be the one that has the name.
enter() {
    mkdir -p "$lock_folder" && exec 9<>"$lock" || exit 1
    flock -n 9 || return 1
    [ "$(stat -L -c %i /proc/self/fd/9)" = "$(stat -c %i "$lock" 2>/dev/null)" ]
}
# Only a process that has the lock open is ended: its number may belong to somebody else by now.
oust() {
    read -r _ pid _ <"$lock" 2>/dev/null || return 0
    [ "$(stat -L -c %i "/proc/$pid/fd/9" 2>/dev/null)" = "$(stat -c %i "$lock" 2>/dev/null)" ] || return 0
    kill -s KILL -- "-$pid"
}
holder() {
    read -r _ _ text <"$lock" 2>/dev/null && printf '%s\n' "$text"
}
life() { stat -c %y "$lock" 2>/dev/null; }

seen=$(life) silent=0 taken=
until enter; do
    now=$(life)
    if [ -n "$seen" ] && [ -n "$now" ] && [ "$now" != "$seen" ]; then
        echo "busy $(holder)"
        exit 0
    fi
    seen=$now silent=$((silent + 1))
    [ "$silent" != 8 ] || echo "wait no sign of life from $(holder): taking over in $((quiet - silent)) s"
    if [ "$silent" -ge "$quiet" ]; then
        oust
        taken=yes seen='' silent=0
    fi
    sleep 1
done
[ -z "$taken" ] || echo "wait the host was taken over"
printf '%s %s %s, since %s\n' "$lock_owner" "$$" "$who" "$(date -u +'%F %T UTC')" >"$lock"

# Steps that an earlier run has left running: each may take the time that it was given, then it is ended.
for step in "$lock_folder"/steps/*; do
    pid=${step##*/} told=
    until [ ! -e "$step" ] || flock -n "$step" true; do
        read -r name patience <"$step"
        left=$(($(stat -c %Y "$step") + patience - $(date +%s)))
        if [ "$left" -le 0 ]; then
            kill -s TERM -- "-$pid" 2>/dev/null
            [ "$left" -gt -3 ] || kill -s KILL -- "-$pid" 2>/dev/null
        elif [ -z "$told" ]; then
            told=yes
            echo "wait $name of an earlier run still runs here: waiting for at most $left s"
        fi
        touch "$lock"
        sleep 1
    done
    rm -f "$step"
done

# The token that lets workers join (token.sh) ends with the run, however that ends.
end_token() {
    [ -s "$lock_folder/token" ] || return 0
    read -r token <"$lock_folder/token"
    PATH=$PATH:/usr/local/bin kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout 10s -n kube-system \
        delete secret "bootstrap-token-$token" --ignore-not-found >/dev/null 2>&1 && rm -f "$lock_folder/token"
}
trap 'end_token; exit 1' HUP INT TERM

echo held
while read -r word; do
    if [ "$word" = 'done' ]; then
        end_token
        exec rm -rf "$lock_folder"
    fi
    touch "$lock"
done
end_token
