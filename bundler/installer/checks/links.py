"""Which host has to reach which port of which other one. Pure; also what stands on `check.sh`'s input."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bundler.installer.plan.contents import Contents
from bundler.installer.site.model import Host, Site

API: Final = 6443
KUBELET: Final = 10250
_ETCD: Final = (2379, 2380)
_RING: Final = 24  # neighbours that every host tries: up to 25 hosts each tries all others
_WORDS: Final = MappingProxyType({API: "API", KUBELET: "kubelet", 2379: "etcd", 2380: "etcd"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """From one host to another: the ports that must get through."""

    address: str
    ports: tuple[int, ...]


def wanted(site: Site) -> Mapping[str, tuple[Wanted, ...]]:
    """By the host that tries.

    Control planes reach every kubelet, every host reaches every control plane's API and registry, control
    planes reach each other's etcd. Beyond that each host tries its next 24 in a ring, so that a link between
    two racks is tried by someone.
    """
    return {host.address: tuple(_of(site, place)) for place, host in enumerate(site.hosts)}


def _of(site: Site, place: int) -> Iterator[Wanted]:
    host = site.hosts[place]
    others = (*site.hosts[place + 1 :], *site.hosts[:place])
    near = {each.address for each in others[:_RING]}
    for other in others:
        if other.address in near or other.is_control_plane or host.is_control_plane:
            yield Wanted(other.address, _ports(site, host, other))


def _ports(site: Site, host: Host, other: Host) -> tuple[int, ...]:
    ports: list[int] = []
    if other.is_control_plane:
        ports += [API, site.registry.port]
    if other.is_control_plane and host.is_control_plane:
        ports += _ETCD
    if host.is_control_plane or not ports:
        ports.append(KUBELET)
    return tuple(ports)


def user(site: Site, port: int) -> str:
    """What listens there."""
    return "registry" if port == site.registry.port else _WORDS.get(port, "")


def questions(site: Site, contents: Contents, address: str) -> str:
    """The input of `check.sh` for one host."""
    place = next(number for number, host in enumerate(site.hosts) if host.address == address)
    links = "".join(
        f"link {each.address} {' '.join(map(str, each.ports))}\n" for each in _of(site, place)
    )
    if not site.host(address).is_control_plane:
        return links
    images = contents.index.images
    return links + "".join(f"blob {digest.hex}\n" for image in images for digest in image.digests)
