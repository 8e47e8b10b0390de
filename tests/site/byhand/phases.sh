# shellcheck shell=sh
# What up.sh and upgrade.sh share; they source it from its own folder.
shell="ssh -i /root/id_ed25519 -o BatchMode=yes"
began=$(date +%s.%N)
trap '[ "$?" -eq 0 ] || tail -n 3 ./*.log >&2' EXIT # whoever waits for the table sees why there is none

phase() { # NAME: it ends now
    now=$(date +%s.%N)
    echo "phase $1 $(echo "$began $now" | awk '{printf "%.2f", $2 - $1}')"
    began=$now
}

distribute() { # ADDRESS ...: this folder, to the same place on each machine, one after the other
    for address; do
        tar cf - . | $shell "root@$address" "mkdir -p $PWD && tar xf - -C $PWD"
    done
}

on_all() { # NAME COMMAND ADDRESS ...: the same command on all machines at once; fails if it fails on one
    name=$1 command=$2 pids='' failed=0
    shift 2
    for address; do
        $shell "root@$address" "$command" </dev/null >"$name-$address.log" 2>&1 &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid" || failed=1; done
    return "$failed"
}
