# shellcheck shell=sh
# Whether a disk that we write to is full, said on standard error: a step that failed may say everything but that.
full_disk() (
    set --
    for place in / /etc /run /tmp /usr/local /var /var/lib /var/lib/bundler /var/lib/containerd /var/lib/etcd \
        /var/lib/kubelet /var/log; do
        [ ! -d "$place" ] || set -- "$@" "$place"
    done
    { df -Pk "$@" && df -Pi "$@" | sed 's/$/ inodes/'; } 2>/dev/null | awk '
        $2 !~ /^[1-9]/ || seen[$6 $7]++ { next }
        $7 == "inodes" && $4 < 64 { print "no space left on " $6 ": " $4 " inodes free"; full = 1 }
        $7 == "" && $4 < 32768 && $4 * 50 < $2 { print "no space left on " $6 ": " int($4 / 1024) " MiB free"; full = 1 }
        END { exit !full }' >&2
)
