"""Asking the hosts: one script for each, one round trip, all at once; the answer is read by pure functions.

The script prints sections: a line `@@name`, then the section's lines as the host gave them.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final, TypeVar

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import journal, observe
from bundler.installer.facts.answer_json import ODD
from bundler.installer.facts.model import CgroupVersion, Facts, HostFacts
from bundler.installer.facts.numbers import seconds, whole
from bundler.installer.facts.seen import Absent, Present, Seen, Unknown, value_of
from bundler.installer.scripts.render import load
from bundler.installer.site.record import Record
from bundler.installer.transport.parallel import on_each
from bundler.installer.transport.protocol import Transport

T = TypeVar("T")

COMMANDS: Final = (
    *("apt-get", "awk", "conntrack", "containerd", "curl", "dnf", "dpkg", "ebtables", "ethtool", "hostname"),
    *("ip", "iptables", "kubeadm", "kubectl", "kubelet", "modprobe", "mount", "nft", "openssl", "runc"),
    *("sha256sum", "socat", "swapoff", "sysctl", "systemctl", "tar"),
)
_PATHS: Final = ("/", "/etc", "/opt", "/tmp", "/usr", "/usr/local", "/var", "/var/lib", "/var/lib/bundler")  # noqa: S108  (their free space is asked)
_DATA: Final = ("/var/lib/containerd", "/var/lib/etcd", "/var/lib/kubelet", "/var/log")
_TIMEOUT: Final = 180.0  # a host at its limits is slow, and no less a host
_ARCHITECTURES: Final[Mapping[str, str]] = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
_PORT: Final = re.compile(r"[0-9A-F]{4}")
_MOST_CPUS: Final = 1 << 16
_MOST_KIB: Final = 1 << 50  # an exbibyte, of memory or of disk
_LISTEN: Final = "0A"  # TCP_LISTEN in /proc/net/tcp, see proc(5)

SCRIPT: Final = f"""
tell() {{ echo "@@$1"; }}
tell clock; date +%s.%N
tell release; cat /etc/os-release
tell machine; uname -m; uname -r; cat /proc/sys/kernel/hostname; nproc
tell memory; grep -E '^MemTotal' /proc/meminfo
tell swap; sed 1d /proc/swaps
tell cgroup; stat -fc %T /sys/fs/cgroup
tell virtualisation; systemd-detect-virt 2>/dev/null
tell user; id -u
tell disk; for path in {" ".join((*_PATHS, *_DATA))}; do
    [ ! -d "$path" ] || df -Pk "$path" | sed 1d
done
tell addresses; hostname -I 2>/dev/null || ip -o -4 addr show scope global 2>/dev/null |
    sed 's|.* inet ||; s|/.*||'
tell networks; ip -o -4 addr show scope global 2>/dev/null |
    sed -n 's/^[0-9]*: *\\([^ ]*\\) *inet \\([^ ]*\\) .*/\\1 \\2/p'
tell ports; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
tell commands; for name in {" ".join(COMMANDS)}; do command -v "$name" >/dev/null && echo "$name"; done
tell packages; dpkg-query -W -f '${{db:Status-Abbrev}}|${{Package}}|${{Version}}\\n' 2>/dev/null
tell rpms; ! command -v rpm >/dev/null || rpm -qa --qf '%{{NAME}}|%{{EVR}}\n' 2>/dev/null
tell journal; cat {journal.JOURNAL} 2>/dev/null
tell releases; cat {journal.RELEASES} 2>/dev/null
tell ours; [ ! -d {journal.STATE} ] || echo yes
tell apparmor; cat /sys/module/apparmor/parameters/enabled 2>/dev/null
tell oom; file=/proc/self/oom_score_adj
(score=$(cat $file); sh -c "echo $((score - 1)) >$file") 2>/dev/null || echo fixed
tell conntrack; file=/proc/sys/net/netfilter/nf_conntrack_max
[ ! -e $file ] || (max=$(cat $file); echo "$max" >$file) 2>/dev/null || echo fixed
tell kubernetes; for name in kubelet admin; do [ ! -e /etc/kubernetes/$name.conf ] || echo $name; done
{load("etcd.sh")}
{load("app-objects.sh")}
{load("observe.sh")}
{load("observe-distribution.sh")}
{load("observe-certificates.sh")}
tell end
"""


def gather(
    transports: Mapping[str, Transport],
    *,
    parallel: int = 32,
    keepers: AbstractSet[str] = frozenset(),
    clock: Callable[[], float] = time.time,
) -> Facts:
    """Facts of every host. keepers: as in `gathered`.

    Raises BundlerError (HOST) that names every host that gave no answer.
    """
    started = clock()
    asked = on_each({address: asker(each, clock) for address, each in transports.items()}, parallel)
    return gathered(asked, started, keepers)


def gathered(
    asked: Mapping[str, HostFacts], started: float, keepers: AbstractSet[str] = frozenset()
) -> Facts:
    """The hosts' facts with what they say of the cluster: one that knows counts before one that does not.

    keepers: control planes by the Clusterfile. Theirs is the word about the cluster and its record; another
    host is only heard where none of them knows anything, for a worker is nobody's witness for the site.
    """
    kept = {address: _witness(host, asked, keepers) for address, host in asked.items()}
    first = sorted(kept.values(), key=lambda host: host.address not in keepers)
    return Facts(
        kept, started, api=_best([host.api for host in first]), etcd=_best([host.etcd for host in first])
    )


def heard(facts: Facts, keepers: AbstractSet[str]) -> Facts:
    """The facts without what other hosts than these say of the cluster and its record."""
    hosts = {
        address: host if address in keepers else _silenced(host) for address, host in facts.hosts.items()
    }
    api, etcd = (_best([getattr(host, name) for host in hosts.values()]) for name in ("api", "etcd"))
    return replace(facts, hosts=hosts, api=api, etcd=etcd)


def _silenced(host: HostFacts) -> HostFacts:
    site = replace(host.site, record=Absent()) if host.site else None
    return replace(host, site=site, api=Absent(), etcd=Absent())


def _witness(host: HostFacts, asked: Mapping[str, HostFacts], keepers: AbstractSet[str]) -> HostFacts:
    """What counts of a host's answer."""
    keep = [asked[address] for address in keepers & asked.keys()]
    if host.address in keepers or not keep:
        return host
    known = any(each.site and not isinstance(each.site.record, Absent) for each in keep)
    return replace(
        host,
        site=replace(host.site, record=Absent()) if host.site and known else host.site,
        api=Absent() if any(isinstance(each.api, Present) for each in keep) else host.api,
        etcd=Absent() if any(isinstance(each.etcd, Present) for each in keep) else host.etcd,
    )


def newest(facts: Facts) -> Record | None:
    """The site's record, the newest of all copies that were found."""
    copies = [value_of(host.site.record) for host in facts.hosts.values() if host.site]
    api = value_of(facts.api)
    copies.append(value_of(api.record) if api else None)
    return max((copy for copy in copies if copy), key=lambda copy: copy.age, default=None)


def _best(answers: Sequence[Seen[T]]) -> Seen[T]:
    for kind in (Present, Unknown):
        for each in answers:
            if isinstance(each, kind):
                return each
    return Absent()


def asker(transport: Transport, clock: Callable[[], float] = time.time) -> Callable[[], HostFacts]:
    """Asks one host for its facts. Raises BundlerError (HOST)."""

    def ask() -> HostFacts:
        before = clock()
        outcome = transport.run(SCRIPT, timeout=_TIMEOUT)
        return parse(transport.address, outcome.stdout, asked_at=(before + clock()) / 2)

    return ask


def parse(address: str, text: str, *, asked_at: float) -> HostFacts:
    """Read what `SCRIPT` printed.

    asked_at: our clock when the host looked at its own, in seconds. Raises BundlerError (HOST) for an answer
    that is cut short or makes no sense.
    """
    found = sections(text)
    try:
        return _facts(address, found, asked_at)
    except (*ODD, RecursionError):
        raise BundlerError(
            "the host's answer can't be read",
            where=address,
            why=f"after {list(found)[-1] if found else 'nothing'}: {text[-300:]!r}",
            code=ExitCode.HOST,
            id="BND-HOST-ANSWER",
            fix="is it Linux with a POSIX shell and GNU coreutils? look at what its login shell prints",
        ) from None


def _facts(address: str, sections: Mapping[str, list[str]], asked_at: float) -> HostFacts:
    sections["end"]
    machine, kernel, hostname, cpus = sections["machine"]
    release = _release(sections["release"])
    nodes = sections["kubernetes"]
    return HostFacts(
        address=address,
        hostname=hostname,
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        os_codename=release.get("VERSION_CODENAME", ""),
        os_like=tuple(release.get("ID_LIKE", "").split()),
        architecture=_ARCHITECTURES.get(machine, machine),
        kernel=kernel,
        cgroup=CgroupVersion.V2 if sections["cgroup"] == ["cgroup2fs"] else CgroupVersion.V1,
        cpus=whole(cpus, most=_MOST_CPUS),
        memory=whole(sections["memory"][0].split()[1], most=_MOST_KIB) << 10,
        disk_free=_disks(sections["disk"]),
        swap=bool(sections["swap"]),
        clock_offset=seconds(sections["clock"][0]) - asked_at,
        virtualisation=next(iter(sections["virtualisation"]), "none"),
        sudo=sections["user"] == ["0"],
        addresses=tuple(" ".join(sections["addresses"]).split()),
        listening_ports=_ports(sections["ports"]),
        commands=frozenset(sections["commands"]),
        packages=_rpms(sections.get("rpms", [])) | _packages(sections["packages"]),
        stamps=journal.parse("\n".join(sections["journal"])),
        networks=tuple(sections.get("networks", ())),
        apparmor=sections["apparmor"] == ["Y"],
        oom_score_adjustable=not sections["oom"],
        conntrack_writable=not sections["conntrack"],
        kubelet_config="kubelet" in nodes,
        admin_config="admin" in nodes,
        foreign_cluster=bool(nodes) and not sections["ours"],
        releases=tuple(sections.get("releases", ())),
        site=observe.host(
            address,
            hostname,
            sections,
            journal.parse("\n".join(sections["journal"])),
            seconds(sections["clock"][0]) - asked_at,
        )
        if "identity" in sections
        else None,
        api=observe.api(sections),
        etcd=observe.etcd(sections),
    )


def sections(text: str) -> dict[str, list[str]]:
    """The lines of every section by its name; what stands before the first is a login shell's."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("@@"):
            current = found.setdefault(line[2:], [])
        elif line.strip():
            current.append(line.rstrip())
    return found


def _release(lines: list[str]) -> dict[str, str]:
    """os-release(5): shell-like assignments, values maybe in quotes."""
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value.strip("\"'") for name, _, value in pairs}


def _disks(lines: list[str]) -> dict[str, int]:
    """Free bytes by mount point, from `df -Pk` without its head line."""
    rows = (line.split(None, 5) for line in lines)
    return {mount: whole(free, most=_MOST_KIB) << 10 for _, _, _, free, _, mount in rows}


def _ports(lines: list[str]) -> frozenset[int]:
    """Ports of listening TCP sockets, from /proc/net/tcp and tcp6 (proc(5))."""
    rows = (line.split() for line in lines)
    ports = (row[1].rpartition(":")[2] for row in rows if len(row) > 3 and row[3] == _LISTEN)
    return frozenset(int(port, 16) for port in ports if _PORT.fullmatch(port))


def _packages(lines: list[str]) -> dict[str, str]:
    """Installed packages with their versions, from dpkg-query; half-installed ones count as absent."""
    rows = (line.split("|") for line in lines)
    return {name: version for status, name, version in rows if status.strip() == "ii"}


def _rpms(lines: list[str]) -> dict[str, str]:
    """Installed packages with their versions, from rpm; an epoch of 0 is none."""
    rows = (line.split("|") for line in lines)
    return {name: version.removeprefix("0:") for name, version in rows}
