"""File systems and the disks below them."""

from typing import Final

from bundler.core.words import counted
from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, above, always, below, least, mib, most
from bundler.installer.checks.look import control_planes, each
from bundler.installer.checks.model import Area, Check, Seen, listed
from bundler.installer.checks.probe import Space, UnmeasuredError

FOLDERS: Final = ("/", "/etc", "/opt", "/usr/local", "/var", "/var/lib", "/var/log", "/tmp")  # noqa: S108  (looked at, not used)
_WRITTEN: Final = ("/", "/etc", "/opt", "/usr/local", "/var/lib", "/tmp")  # noqa: S108  (as above)
_EXECUTED: Final = ("/opt", "/usr/local", "/var/lib")
_DATA: Final = "/var/lib/containerd"
_BAD_KINDS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "vfat", "exfat", "ntfs", "fuse", "fuseblk", "9p", "overlay"}
)
_LOST_KINDS: Final = frozenset({"tmpfs", "ramfs"})


def _space(of: dict[str, Space], folder: str) -> Space:
    for name in (folder, "/var/lib", "/var", "/"):
        if name in of:
            return of[name]
    raise UnmeasuredError("df gives no answer")


def _with(seen: Seen, folders: tuple[str, ...], option: str) -> str:
    return listed(path for path in folders if option in seen.probe.mount_of(path).options)


def _size(seen: Seen) -> str:
    total = _space(dict(seen.probe.spaces), "/var/lib").total * 1024
    return below(total, seen.limits.disk_size, mib(total))


def _used(seen: Seen) -> str:
    full = {}
    for space in seen.probe.spaces.values():
        used = 100 * (1 - space.free / space.total) if space.total else 0
        if used > seen.limits.disk_used:
            full[space.mount] = f"{space.mount} {used:.0f}%"
    return listed(full.values())


def _inodes(seen: Seen) -> str:
    few = {}
    for space in seen.probe.inodes.values():  # some file systems count none
        free = 100 * space.free / space.total if space.total else 100
        if free < seen.limits.inodes_free:
            few[space.mount] = f"{space.mount} {free:.0f}% free"
    return listed(few.values())


def _readonly(seen: Seen) -> str:
    return _with(seen, _WRITTEN, "ro")


def _noexec(seen: Seen) -> str:
    return _with(seen, _EXECUTED, "noexec")


def _nodev(seen: Seen) -> str:
    return _with(seen, ("/var/lib",), "nosuid")


def _tmp(seen: Seen) -> str:
    free = _space(dict(seen.probe.spaces), "/tmp").free * 1024  # noqa: S108  (as above)
    return below(free, seen.limits.tmp_free, mib(free))


def _kind(seen: Seen) -> str:
    kind = seen.probe.mount_of(_DATA).kind
    return kind if kind in _BAD_KINDS or kind.startswith("fuse.") else ""


def _lost(seen: Seen) -> str:
    kind = seen.probe.mount_of(_DATA).kind
    return kind if kind in _LOST_KINDS else ""


def _ftype(seen: Seen) -> str:
    return "ftype=0" if seen.probe.says("xfs-ftype") == "0" else ""


def _fsync(seen: Seen) -> str:
    samples = seen.probe.fsync
    if len(samples) < 20:
        raise UnmeasuredError(f"only {len(samples)} writes could be timed")
    worst = 1000 * samples[min(len(samples) - 1, int(len(samples) * 0.99))]
    return above(worst, seen.limits.etcd_fsync, f"{worst:,.0f} ms (p99)")


def _write(seen: Seen) -> str:
    if seen.probe.write is None:
        raise UnmeasuredError("nothing could be written")
    return below(seen.probe.write, seen.limits.disk_write, f"{seen.probe.write:,.0f} MiB/s")


def _rotational(seen: Seen) -> str:
    return "a disk that turns" if seen.probe.text("rotational") == "1" else ""


def _link(seen: Seen) -> str:
    target = seen.probe.says("etcd-link")
    return f"/var/lib/etcd → {target}" if target else ""


def _shared(seen: Seen) -> str:
    etcd, images = seen.probe.mount_of("/var/lib/etcd/member"), seen.probe.mount_of(_DATA)
    return etcd.point if etcd.point == images.point else ""


def _errors(seen: Seen) -> str:
    count = seen.probe.number("ext4-errors")
    return f"{counted(round(count), 'error')} noted" if count else ""


def _modes(seen: Seen) -> str:
    rows = (text.partition(":") for text in seen.probe.text("modes").split())
    closed = (f"{path} {mode}" for mode, _, path in rows if mode[-1:].isdigit() and int(mode[-1]) % 2 == 0)
    return listed(closed)


_A: Final = Area.DISKS

CHECKS: Final = (
    Check(
        "disk-size",
        _A,
        WARNING,
        "the disk of /var/lib is large enough for a node",
        "images are deleted and fetched again, pods are evicted",
        "give it a larger disk",
        each(_size),
        least("disk_size"),
    ),
    Check(
        "disk-full",
        _A,
        WARNING,
        "file systems have room",
        "the kubelet deletes images from 85% on and evicts pods at 90%",
        "make room, or give it a larger disk",
        each(_used),
        most("disk_used"),
    ),
    Check(
        "inodes",
        _A,
        WARNING,
        "file systems have inodes left",
        "no file can be created, although there is free space",
        "delete small files, or recreate the file system with more inodes",
        each(_inodes),
        least("inodes_free"),
    ),
    Check(
        "mount-readonly",
        _A,
        ERROR,
        "file systems can be written",
        "nothing can be installed",
        "mount -o remount,rw PATH; look in the kernel's log for why it is read-only",
        each(_readonly),
        always("rw"),
    ),
    Check(
        "mount-noexec",
        _A,
        ERROR,
        "programs may be started where they are put",
        "Kubernetes' programs and plug-ins are there",
        "take noexec out of /etc/fstab",
        each(_noexec),
        always("exec"),
    ),
    Check(
        "mount-nosuid",
        _A,
        NOTE,
        "/var/lib takes set-user-id programs",
        "sudo and ping in containers do not work",
        "take nosuid out of /etc/fstab",
        each(_nodev),
        always("suid"),
    ),
    Check(
        "tmp-space",
        _A,
        WARNING,
        "/tmp has room",  # noqa: S108  (a sentence)
        "package managers unpack there",
        "make room in /tmp",
        each(_tmp),
        least("tmp_free"),
    ),
    Check(
        "fs-kind",
        _A,
        ERROR,
        "the file system can hold containers",
        "overlayfs does not work on it",
        "put /var/lib/containerd on ext4 or xfs",
        each(_kind),
        always("ext4, xfs or btrfs"),
    ),
    Check(
        "fs-lost",
        _A,
        WARNING,
        "images survive a reboot",
        "every image is fetched again after a reboot",
        "put /var/lib/containerd on a disk",
        each(_lost),
        always("a disk"),
    ),
    Check(
        "xfs-ftype",
        _A,
        ERROR,
        "xfs keeps the type of directory entries",
        "overlayfs does not work on it",
        "recreate the file system: mkfs.xfs -n ftype=1",
        each(_ftype),
        always("ftype=1"),
    ),
    Check(
        "etcd-fsync",
        _A,
        WARNING,
        "etcd's disk writes fast enough",
        "writes are slow, and etcd changes its leader under load",
        "move /var/lib/etcd to an SSD",
        each(_fsync, control_planes),
        most("etcd_fsync"),
    ),
    Check(
        "disk-write",
        _A,
        WARNING,
        "the disk takes a stream of bytes",
        "images take long to unpack",
        "use a faster disk",
        each(_write),
        least("disk_write"),
    ),
    Check(
        "disk-turns",
        _A,
        NOTE,
        "etcd's disk does not turn",
        "etcd wants a disk without moving heads",
        "move /var/lib/etcd to an SSD",
        each(_rotational, control_planes),
        always("an SSD"),
    ),
    Check(
        "etcd-link",
        _A,
        WARNING,
        "/var/lib/etcd is no symbolic link",
        "a restore replaces the link, not what it leads to",
        "mount the disk at /var/lib/etcd",
        each(_link, control_planes),
        always("a folder"),
    ),
    Check(
        "etcd-shared",
        _A,
        NOTE,
        "etcd does not share its disk with images",
        "pulling an image makes etcd wait",
        "mount a separate disk at /var/lib/etcd",
        each(_shared, control_planes),
        always("a separate disk"),
    ),
    Check(
        "disk-errors",
        _A,
        ERROR,
        "no file system has noted errors",
        "the disk or its cable is failing",
        "back it up, then: fsck",
        each(_errors),
        always("none"),
    ),
    Check(
        "folder-modes",
        _A,
        WARNING,
        "everybody may pass through system folders",
        "pods and services that are not root's find no files",
        "chmod 0755 PATH",
        each(_modes),
        always("0755"),
    ),
)
