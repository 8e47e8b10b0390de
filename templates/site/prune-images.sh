# shellcheck shell=sh disable=SC2154
# Remove images that no container here was made from. Standard input: their names, and digests in hex. containerd lists
# an image by its digest, too, and keeps the content as long as it does; that entry goes with the content's digest, for
# another name may share it. Variables: store (not used here).
set -eu
: "$store"
used=$(ctr -n k8s.io containers ls)
there=$(ctr -n k8s.io images ls)
{
    sed 's/^/doomed /'
    printf '%s\n' "$used" | awk 'NR > 1 { print "used", $2 }'
    printf '%s\n' "$there" | awk 'NR > 1 { print "image", $1, $3 }'
} | awk '
    $1 == "doomed" { doomed[$2] }
    $1 == "used" { used[$2] }
    $1 == "image" { digest[$2] = $3 }
    END {
        for (name in digest) if (name in used) busy[digest[name]]
        for (name in digest) {
            hex = digest[name]
            sub(/^sha256:/, "", hex)
            if (name ~ /(^|@)sha256:/) { goes = (hex in doomed) && !(digest[name] in busy) }
            else { goes = (name in doomed) && !(name in used) }
            if (goes) print name
        }
    }' | sort | while read -r name; do ctr -n k8s.io images rm "$name" </dev/null >/dev/null; done
