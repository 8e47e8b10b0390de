# shellcheck shell=sh
# Whether containerd answers. Its socket is no sign: after a disk was full it may listen, and none of its plug-ins works.

# Both the store of images, which writes to the disk, and the service that the kubelet speaks to must be well.
runtime_answers() {
    timeout 10 ctr plugins ls 2>/dev/null | awk '
        $1 == "io.containerd.metadata.v1" && $2 == "bolt" && $NF == "ok" { store = 1 }
        $1 == "io.containerd.grpc.v1" && $2 == "cri" && $NF == "ok" { service = 1 }
        END { exit !(store && service) }' &&
        timeout 10 ctr -n k8s.io images ls -q >/dev/null 2>&1
}
