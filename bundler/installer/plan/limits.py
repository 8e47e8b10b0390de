"""What a host and a site have to keep to. A vendor's bundle sets its own (`plan/vendor.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final

GIB: Final = 1 << 30
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class HostLimits:
    """One number for each limit, in bytes and seconds where `UNITS` says nothing else.

    control_plane_memory: as kubeadm asks for it. unpacked: how many times the bytes of container layers take
    on a disk once they are unpacked, on top of what is delivered. clock: how far two hosts' clocks may be
    apart. etcd_fsync: as etcd's own guide has it (99th percentile).
    """

    control_plane_memory: int = 1700 * MIB
    worker_memory: int = 700 * MIB
    control_plane_cpus: int = 2
    spare_disk: int = 1 * GIB
    unpacked: float = 2.5
    clock: float = 30.0
    memory_available: int = 512 * MIB
    hugepages: float = 50.0
    load: float = 2.0
    steal: float = 10.0
    disk_size: int = 20 * GIB
    disk_used: float = 80.0
    inodes_free: float = 10.0
    tmp_free: int = 100 * MIB
    etcd_fsync: float = 10.0
    disk_write: float = 20.0
    open_files: int = 65_536
    processes: int = 4096
    file_handles: int = 100_000
    pids: int = 32_768
    inotify_watches: int = 65_536
    inotify_instances: int = 1024
    conntrack_used: float = 80.0
    mtu: int = 1400
    nic_speed: int = 1000
    nic_errors: float = 100.0
    link_latency: float = 100.0
    etcd_latency: float = 10.0
    copy_speed: float = 10.0
    dns_seconds: float = 1.0
    answer_seconds: float = 5.0
    ssh_sessions: int = 4
    certificate_days: float = 30.0
    etcd_used: float = 80.0
    name_servers: int = 3


DEFAULT_LIMITS: Final = HostLimits()

UNITS: Final[Mapping[str, str]] = MappingProxyType(  # as a person writes and reads them
    {
        "control_plane_memory": "MiB",
        "worker_memory": "MiB",
        "spare_disk": "MiB",
        "memory_available": "MiB",
        "disk_size": "MiB",
        "tmp_free": "MiB",
        "clock": "s",
        "dns_seconds": "s",
        "answer_seconds": "s",
        "etcd_fsync": "ms",
        "link_latency": "ms",
        "etcd_latency": "ms",
        "disk_write": "MiB/s",
        "copy_speed": "MiB/s",
        "nic_speed": "Mbit/s",
        "nic_errors": "per million packets",
        "hugepages": "%",
        "steal": "%",
        "disk_used": "%",
        "inodes_free": "%",
        "conntrack_used": "%",
        "etcd_used": "%",
        "load": "per CPU",
        "mtu": "bytes",
        "certificate_days": "days",
    }
)


def names() -> tuple[str, ...]:
    """The limits as a file names them: `etcd-fsync`."""
    return tuple(each.name.replace("_", "-") for each in fields(HostLimits))


def shown(limits: HostLimits, name: str) -> str:
    """One limit with its unit: `10 ms`."""
    unit = UNITS.get(name, "")
    value = getattr(limits, name)
    number = value / MIB if unit == "MiB" else value
    return f"{number:,.10g}{'' if unit == '%' else ' '}{unit}".strip()


def changed(limits: HostLimits, given: Mapping[str, float]) -> HostLimits:
    """The limits with these instead, by their names in a file and in their units."""
    found: dict[str, float] = {}
    for key, number in given.items():
        name = key.replace("-", "_")
        whole = isinstance(getattr(limits, name), int)
        value = number * MIB if UNITS.get(name) == "MiB" else number
        found[name] = int(value) if whole else float(value)
    return replace(limits, **found)  # type: ignore[arg-type]  # the names and types are the fields' own
