"""Links, routes and name servers of each host."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Final

from bundler.installer.checks.areas.build import ERROR, WARNING, above, always, below, least, most
from bundler.installer.checks.look import each, whole
from bundler.installer.checks.model import Area, Check, Fault, Scene, Seen, listed
from bundler.installer.checks.probe import Interface, UnmeasuredError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _interface(seen: Seen) -> Interface:
    name = seen.device
    found = next((each for each in seen.probe.interfaces if each.name == name), None)
    if found is None:
        raise UnmeasuredError(f"no interface has {seen.address}")
    return found


def _default(seen: Seen) -> str:
    return "" if any(to == "default" for to, _ in seen.probe.routes) else "none"


def _mtu(seen: Seen) -> str:
    mtu = _interface(seen).mtu
    return below(mtu, seen.limits.mtu, f"{mtu:,} bytes")


def _mtus(scene: Scene) -> Iterator[Fault]:
    found: dict[str, int] = {}
    for seen in scene.hosts():
        name = seen.device
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


_A: Final = Area.NETWORK

CHECKS: Final = (
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
)
