# shellcheck shell=sh disable=SC2154
# Every key of the cluster's objects, with the revisions at which it was made and last changed, one a line.
etcd_keys() {
    etcdctl --endpoints "$etcd_here" --command-timeout 120s get /registry/ --prefix --keys-only -w fields |
        awk -F' : ' '/^"Key"/ { gsub(/"/, "", $2); key = $2 } /^"CreateRevision"/ { made = $2 } /^"ModRevision"/ { print key, made, $2 }'
}
