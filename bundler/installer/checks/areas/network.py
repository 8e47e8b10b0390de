"""Every host's own network."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, above, always, below, least, most
from bundler.installer.checks.look import each, whole
from bundler.installer.checks.model import Area, Check, Fault, Scene, Seen, listed
from bundler.installer.checks.probe import Interface, UnmeasuredError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _device(seen: Seen) -> str:
    """The interface that has the Clusterfile's address."""
    for text in seen.facts.networks:
        name, _, address = text.partition(" ")
        if address.partition("/")[0] == seen.address:
            return name.partition("@")[0]
    return ""


def _interface(seen: Seen) -> Interface:
    name = _device(seen)
    found = next((each for each in seen.probe.interfaces if each.name == name), None)
    if found is None:
        raise UnmeasuredError(f"no interface has {seen.address}")
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _missing(seen: Seen) -> str:
    if not _is_address(seen.address) or seen.address in seen.facts.addresses or _device(seen):
        return ""
    if ipaddress.ip_address(seen.address).is_loopback:
        return ""
    return f"has {listed(seen.facts.addresses) or 'none'}"


def _default(seen: Seen) -> str:
    return "" if any(to == "default" for to, _ in seen.probe.routes) else "none"


def _mtu(seen: Seen) -> str:
    mtu = _interface(seen).mtu
    return below(mtu, seen.limits.mtu, f"{mtu:,} bytes")


def _mtus(scene: Scene) -> Iterator[Fault]:
    found: dict[str, int] = {}
    for seen in scene.hosts():
        name = _device(seen)
        for link in seen.probe.interfaces:
            if link.name == name:
                found[seen.address] = link.mtu
    if len(set(found.values())) < 2:
        return
    usual = Counter(found.values()).most_common(1)[0][0]
    for address, mtu in found.items():
        if mtu != usual:
            yield Fault(address, f"{mtu:,} bytes, others {usual:,}", hosts=(address,))


def _speed(seen: Seen) -> str:
    speed = _interface(seen).speed
    return below(speed, seen.limits.nic_speed, f"{speed:,} Mbit/s") if speed else ""


def _duplex(seen: Seen) -> str:
    return "half duplex" if _interface(seen).duplex == "half" else ""


def _errors(seen: Seen) -> str:
    link = _interface(seen)
    share = 1e6 * link.errors / max(link.packets, 1)
    return above(share, seen.limits.nic_errors, f"{share:,.0f} per million packets")


def _networks(texts: tuple[str, ...]) -> Iterator[_Network]:
    for text in texts:
        try:
            yield ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue


def _routes(seen: Seen) -> str:
    """Routes into the pods' or services' subnets that are none of a pod network's own."""
    ours = tuple(_networks(seen.scene.subnets))
    found = []
    for to, device in seen.probe.routes:
        if to == "default" or seen.ours or device.startswith(("cni", "flannel", "cali", "cilium")):
            continue
        found += [f"{to} dev {device}" for net in _networks((to,)) if any(net.overlaps(own) for own in ours)]
    return listed(found)


def _servers(seen: Seen) -> str:
    """Name servers inside of the cluster's subnets would be asked as pods."""
    ours = tuple(_networks(seen.scene.subnets))
    texts = [value for word, value in seen.probe.resolver if word in {"nameserver", "upstream"}]
    inside = (t for t in texts if any(net.overlaps(own) for net in _networks((t,)) for own in ours))
    return listed(dict.fromkeys(text.removeprefix("nameserver ") for text in inside))


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
        name = _device(seen)
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
        "default-route",
        _A,
        WARNING,
        "there is a default route",
        "addresses of Services go nowhere without a route for them",
        "add one, or: ip route add SERVICE-SUBNET dev DEVICE",
        each(_default),
        always("one"),
    ),
    Check(
        "mtu-small",
        _A,
        WARNING,
        "packets may be large enough",
        "tunnels between pods leave too little room",
        "raise the MTU of the interface",
        each(_mtu),
        least("mtu"),
    ),
    Check(
        "mtu-differs",
        _A,
        WARNING,
        "all hosts send packets of one size",
        "large packets vanish between hosts that differ",
        "set one MTU on all hosts: ip link set DEVICE mtu N",
        whole(_mtus),
        always("one for all"),
    ),
    Check(
        "nic-speed",
        _A,
        WARNING,
        "the network card is fast enough",
        "images are pulled slowly",
        "look at cable, switch and card: ethtool DEVICE",
        each(_speed),
        least("nic_speed"),
    ),
    Check(
        "nic-duplex",
        _A,
        WARNING,
        "the network card sends and receives at once",
        "packets collide",
        "let card and switch negotiate: ethtool -s DEVICE autoneg on",
        each(_duplex),
        always("full duplex"),
    ),
    Check(
        "nic-errors",
        _A,
        WARNING,
        "packets arrive whole",
        "connections are slow and break",
        "change cable or port; look at: ip -s link show DEVICE",
        each(_errors),
        most("nic_errors"),
    ),
    Check(
        "route-overlap",
        _A,
        ERROR,
        "no route leads into the pods' or services' subnets",
        "the host can't reach what lies behind it, or pods",
        "set networking.podSubnet and serviceSubnet in a ClusterConfiguration of the Clusterfile",
        each(_routes),
        always("none"),
    ),
    Check(
        "dns-overlap",
        _A,
        ERROR,
        "no name server lies in the pods' or services' subnets",
        "the cluster's DNS can't reach it",
        "set networking.podSubnet and serviceSubnet in a ClusterConfiguration of the Clusterfile",
        each(_servers),
        always("none"),
    ),
    Check(
        "address-twice",
        _A,
        ERROR,
        "no two hosts have one address",
        "packets reach one or the other by chance",
        "give each host an address of its own",
        whole(_twice),
        always("one host"),
    ),
    Check(
        "address-answers",
        _A,
        ERROR,
        "nobody else answers for a host's address",
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
        "give each virtual machine a MAC of its own",
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
