"""Proof that nothing leaves: writes down every packet and name look-up that reaches the site's gateway.

Machines talk to each other across the bridge; whatever they send elsewhere goes to their default route, which
is the bridge itself. A packet socket on the bridge, not promiscuous, therefore sees exactly what would leave
the site, and costs nothing for what stays inside. A name server on the gateway's address answers every
question with "no such name" at once, so look-ups are seen and nobody waits for a time-out.

Runs as a process of its own in the site's network namespace: `python -m tests.site.watch FILE ADDRESS
SUBNET`.
"""

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from typing import Final, TextIO

from bundler.core.errors import BundlerError, ExitCode
from tests.site.groups import Groups
from tests.site.network import BRIDGE, enter
from tests.site.spec import SiteSpec
from tests.site.undo import Journal, Kind

_ALL = 0x0003  # ETH_P_ALL
_IPV4, _IPV6 = 0x0800, 0x86DD
_NAME_PORTS = frozenset({53, 5353, 5355})  # DNS, mDNS, LLMNR
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
# Pods and services: the product's defaults, and those of the demo's documents. Until kube-proxy is up on a
# machine that has just started, a packet to a Service goes to the gateway; nobody outside is meant.
CLUSTER_NETWORKS: Final = (
    IPv4Network("100.64.0.0/10"),
    IPv4Network("10.96.0.0/12"),
    IPv4Network("10.244.0.0/16"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One packet that reached the gateway, or one name that was asked for.

    at: seconds since the epoch. detail: "tcp 443", or the name.
    """

    at: float
    source: str
    target: str
    detail: str


def start(spec: SiteSpec, groups: Groups, journal: Journal) -> None:
    """Start the watch of a site; it must be there before the machines are."""
    group = _group(spec)
    journal.note(Kind.GROUP, group)
    record = _record(spec)
    record.touch()
    argv = [
        *enter(spec.netns),
        sys.executable,
        "-m",
        __name__,
        str(record),
        str(spec.gateway),
        str(spec.subnet),
    ]
    here = Path(__file__).resolve().parents[2]
    groups.start(group, argv, {"PYTHONPATH": str(here)}, spec.run_dir / "watch.log")
    _wait_ready(spec)


def is_running(spec: SiteSpec, groups: Groups) -> bool:
    """Whether the watch of the site runs."""
    return bool(groups.pids(_group(spec)))


def seen(spec: SiteSpec, inside: Iterable[IPv4Network] = ()) -> tuple[Seen, ...]:
    """What was seen so far, oldest first.

    inside: networks that belong to the site besides its subnet (pods, services); packets to them did not
    leave.
    """
    rows = (json.loads(line) for line in _record(spec).read_text().splitlines())
    everything = (Seen(**row) for row in rows if row["source"])
    return tuple(each for each in everything if not _within(each.target, inside))


def packet(frame: bytes, subnet: IPv4Network, gateway: IPv4Address) -> tuple[str, str, str] | None:
    """Source, target and detail of an Ethernet frame that leaves the site or asks for a name, else None.

    Not leaving: the subnet's addresses but the gateway's, multicast and broadcast, IPv6 link-local, ARP.
    """
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _IPV4 and len(frame) >= 34:
        header = (frame[14] & 0x0F) * 4
        source, target = (str(ip_address(frame[at : at + 4])) for at in (26, 30))
        detail, port = _detail(frame[23], frame[14 + header :])
        address = ip_address(target)
        stays = (address in subnet and address != gateway) or _is_noise(target)
    elif kind == _IPV6 and len(frame) >= 54:
        source, target = (str(IPv6Address(frame[at : at + 16])) for at in (22, 38))
        detail, port = _detail(frame[20], frame[54:])
        stays = _is_noise(target)
    else:
        return None
    return None if stays and port not in _NAME_PORTS else (source, target, detail)


def question(message: bytes) -> str:
    """The name that a DNS query asks for (RFC 1035, 4.1.2); of a query cut short, what there is."""
    labels: list[str] = []
    at = 12
    while at < len(message) and (length := message[at]) and length < 64 and len(labels) < 128:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels)


def no_such_name(query: bytes) -> bytes:
    """The answer NXDOMAIN: the query's own id, question and recursion flag, no records (RFC 1035, 4.1.1)."""
    asked = question(query)
    end = 12 + (len(asked) + 2 if asked else 1) + 4
    flags = 0x8183 | (query[2] & 0x01) << 8
    return query[:2] + struct.pack(">HHHHH", flags, 1, 0, 0, 0) + query[12:end]


def main(arguments: list[str]) -> None:
    """Watch until killed."""
    record, gateway, subnet = Path(arguments[0]), IPv4Address(arguments[1]), IPv4Network(arguments[2])
    frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    frames.bind((BRIDGE, 0))
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((str(gateway), 53))
    with record.open("a", buffering=1) as file:
        _write(file, Seen(time.time(), "", "", "ready"))
        while True:
            ready, _, _ = select.select([frames, names], [], [])
            if frames in ready:
                frame, address = frames.recvfrom(2048)
                leaving = packet(frame, subnet, gateway) if address[2] != socket.PACKET_OUTGOING else None
                if leaving and not (leaving[1] == str(gateway) and leaving[2] == "udp 53"):
                    _write(file, Seen(time.time(), *leaving))
            if names in ready:
                query, asker = names.recvfrom(2048)
                _write(file, Seen(time.time(), asker[0], "name", question(query)))
                names.sendto(no_such_name(query), asker)


def _detail(protocol: int, payload: bytes) -> tuple[str, int]:
    name = _PROTOCOLS.get(protocol, f"protocol {protocol}")
    if protocol not in {6, 17} or len(payload) < 4:
        return name, 0
    port = int.from_bytes(payload[2:4], "big")
    return f"{name} {port}", port


def _is_noise(target: str) -> bool:
    address = ip_address(target)
    return address.is_multicast or address.is_link_local or target == "255.255.255.255"


def _within(target: str, networks: Iterable[IPv4Network]) -> bool:
    if target == "name":
        return False
    return any(ip_address(target) in network for network in networks)


def _group(spec: SiteSpec) -> str:
    return f"bundler-site-{spec.name}-watch"


def _record(spec: SiteSpec) -> Path:
    return spec.run_dir / "watch.jsonl"


def _wait_ready(spec: SiteSpec) -> None:
    deadline = time.monotonic() + 10
    while not _record(spec).read_text():
        if time.monotonic() > deadline:
            raise BundlerError(
                "the watch did not start",
                code=ExitCode.NOT_READY,
                why=(spec.run_dir / "watch.log").read_text(errors="replace")[-2000:],
            )
        time.sleep(0.05)


def _write(file: TextIO, what: Seen) -> None:
    file.write(json.dumps(asdict(what)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
