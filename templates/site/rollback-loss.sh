# shellcheck shell=sh disable=SC2154
# What was written since the snapshot, by kind: lines of `created|changed|deleted KIND COUNT`, `volume NAME` for each
# persistent volume made since, and `taken SECONDS` (of the epoch). What nodes and controllers write all the time does
# not count. Variables: keep (the folder of the version).
set -eu
echo "taken $(stat -c %Y "$keep/etcd.db.sha256")"
[ -f "$keep/etcd.keys" ] || exit 0
etcd_keys | awk '
    function kind(key, parts) { split(key, parts, "/"); return parts[3] ~ /\./ ? parts[4] : parts[3] }
    FNR == NR { old[$1] = $3; next }
    {
        what = kind($1)
        if (!($1 in old)) {
            found["created " what]++
            if (what == "persistentvolumes") { sub(/.*\//, "", $1); print "volume " $1 }
        } else {
            if (old[$1] != $3) found["changed " what]++
            delete old[$1]
        }
    }
    END {
        for (key in old) found["deleted " kind(key)]++
        for (each in found)
            if (each !~ / (events|leases|masterleases|peerserverleases|minions|endpointslices|csinodes|ipaddresses)$/) print each, found[each]
    }' "$keep/etcd.keys" -
