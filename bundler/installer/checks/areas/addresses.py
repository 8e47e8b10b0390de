"""Addresses: each host has its own, and all others agree."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, always
from bundler.installer.checks.look import each, whole
from bundler.installer.checks.model import Area, Check, Fault, Scene, Seen, listed


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _missing(seen: Seen) -> str:
    if not _is_address(seen.address) or seen.address in seen.facts.addresses or seen.device:
        return ""
    if ipaddress.ip_address(seen.address).is_loopback:
        return ""
    return f"has {listed(seen.facts.addresses) or 'none'}"


def _twice(scene: Scene) -> Iterator[Fault]:
    """An address that two hosts have as their own."""
    owners: dict[str, list[str]] = {}
    for seen in scene.hosts():
        for address in dict.fromkeys(seen.facts.addresses):
            if _is_address(address) and not ipaddress.ip_address(address).is_loopback:
                owners.setdefault(address, []).append(seen.address)
    for address, hosts in owners.items():
        named = {host.address for host in scene.site.hosts}
        if len(hosts) > 1 and (address in named or not _is_bridge(address)):
            yield Fault(address, f"on {listed(hosts)}", hosts=tuple(hosts))


def _is_bridge(address: str) -> bool:
    """What engines give to a bridge of their own on every host."""
    private = (ipaddress.ip_network("172.17.0.0/16"), ipaddress.ip_network("169.254.0.0/16"))
    return any(ipaddress.ip_address(address) in network for network in private)


def _impostors(scene: Scene) -> Iterator[Fault]:
    """Another machine answers for a host's address."""
    macs = {seen.address: {each.mac.lower() for each in seen.probe.interfaces} for seen in scene.hosts()}
    for seen in scene.hosts():
        for address, mac in seen.probe.neighbours.items():
            if address in macs and macs[address] and mac not in macs[address]:
                yield Fault(f"{seen.address} → {address}", f"{mac} answers", hosts=(seen.address, address))


def _macs(scene: Scene) -> Iterator[Fault]:
    owners: dict[str, list[str]] = {}
    for seen in scene.hosts():
        name = seen.device
        for link in seen.probe.interfaces:
            if link.name == name and link.mac not in {"-", "00:00:00:00:00:00"}:
                owners.setdefault(link.mac.lower(), []).append(seen.address)
    for mac, hosts in owners.items():
        for address in hosts if len(hosts) > 1 else ():
            others = listed(other for other in hosts if other != address)
            yield Fault(address, f"{mac}, as {others}", hosts=(address,))


def _apart(scene: Scene) -> Iterator[Fault]:
    """Hosts whose address lies in another network than most."""
    found: dict[str, str] = {}
    for seen in scene.hosts():
        for text in seen.facts.networks:
            address = text.partition(" ")[2]
            if address.partition("/")[0] == seen.address:
                found[seen.address] = str(ipaddress.ip_network(address, strict=False))
    usual = Counter(found.values()).most_common(1)
    for address, network in found.items():
        if network != usual[0][0]:
            yield Fault(address, f"in {network}, others in {usual[0][0]}", hosts=(address,))


_A: Final = Area.NETWORK

CHECKS: Final = (
    Check(
        "address-missing",
        _A,
        ERROR,
        "the host has the address that the Clusterfile gives it",
        "etcd and the API server can't listen on it",
        "write the host's own address into the Clusterfile, not that of a NAT or a balancer",
        each(_missing),
        always("its own"),
    ),
    Check(
        "address-twice",
        _A,
        ERROR,
        "no two hosts have one address",
        "packets reach one or the other by chance",
        "give each host its own address",
        whole(_twice),
        always("one host"),
    ),
    Check(
        "address-answers",
        _A,
        ERROR,
        "no other machine answers for a host's address",
        "another machine has the same address",
        "find it by its MAC in the switch, and take its address away",
        whole(_impostors),
        always("the host itself"),
    ),
    Check(
        "mac-twice",
        _A,
        ERROR,
        "no two hosts have one MAC",
        "the switch sends packets to one of them",
        "give each virtual machine its own MAC",
        whole(_macs),
        always("one host"),
    ),
    Check(
        "network-differs",
        _A,
        NOTE,
        "hosts are in one network",
        "network plug-ins without a tunnel don't reach pods there; a virtual address can't move there",
        "use a plug-in that tunnels",
        whole(_apart),
        always("one for all"),
    ),
)
