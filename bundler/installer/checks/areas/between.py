"""From host to host: ports, the size of packets, how long they take."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, always, most
from bundler.installer.checks.links import user, wanted
from bundler.installer.checks.model import Area, Check, Fault, Looked, Scene
from bundler.installer.checks.probe import Answer, HostProbe

_REACHED: Final = frozenset({Answer.OPEN, Answer.REFUSED})
_ANSWERS: Final = MappingProxyType(
    {
        Answer.BLOCKED: "a firewall forbids it",
        Answer.FAILED: "no connection",
        Answer.SILENT: "no answer within 12 s",
    }
)


def tried(scene: Scene) -> int:
    """Pairs of hosts between which something was tried."""
    return sum(len({link.address for link in probe.links}) for probe in scene.probes.values())


def _answers(probe: HostProbe) -> dict[tuple[str, int], Answer]:
    return {(link.address, link.port): link.answer for link in probe.links}


def _ports(scene: Scene) -> Looked:
    faults: list[Fault] = []
    unmeasured: dict[str, str] = {}
    for address, targets in wanted(scene.site).items():
        probe = scene.probes.get(address)
        if probe is None or not targets:
            continue
        if not probe.links:
            unmeasured[address] = "the host has no bash, or nothing answered"
            continue
        answers = _answers(probe)
        for target in targets:
            if target.address in scene.silent:
                continue
            for port in target.ports:
                answer = answers.get((target.address, port), Answer.SILENT)
                if answer not in _REACHED:
                    what = f"port {port} ({user(scene.site, port)}): {_ANSWERS[answer]}"
                    faults.append(
                        Fault(f"{address} → {target.address}", what, hosts=(address, target.address))
                    )
    return Looked(tuple(faults), len(scene.probes) if len(scene.site.hosts) > 1 else 0, unmeasured)


def _mtu(scene: Scene) -> Looked:
    faults: list[Fault] = []
    unmeasured: dict[str, str] = {}
    for address, probe in scene.probes.items():
        if not any(path.small for path in probe.paths):
            unmeasured[address] = "the host has no ping, or ICMP is filtered"
        for path in probe.paths:
            if path.small and not path.large:
                where = f"{address} → {path.address}"
                faults.append(Fault(where, f"{path.mtu:,} bytes get lost", hosts=(address, path.address)))
    return Looked(tuple(faults), len(scene.probes) if len(scene.site.hosts) > 1 else 0, unmeasured)


def _one_way(scene: Scene) -> Looked:
    """Reached in one direction alone."""
    reached = {
        (address, link.address)
        for address, probe in scene.probes.items()
        for link in probe.links
        if link.answer in _REACHED
    }
    both = [
        (a, b) for a, probe in scene.probes.items() for b in dict.fromkeys(x.address for x in probe.links)
    ]
    faults = (
        Fault(f"{a} → {b}", f"no way, though {b} → {a} works", hosts=(a, b))
        for a, b in both
        if (a, b) not in reached and (b, a) in reached
    )
    return Looked(tuple(faults), len(scene.probes) if len(scene.site.hosts) > 1 else 0)


def _latencies(scene: Scene, *, etcd: bool) -> Iterator[Fault]:
    planes = {host.address for host in scene.site.control_planes}
    limit = scene.limits.etcd_latency if etcd else scene.limits.link_latency
    for address, probe in scene.probes.items():
        best: dict[str, float] = {}
        for link in probe.links:
            if link.answer in _REACHED:
                best[link.address] = min(best.get(link.address, 1e9), link.seconds * 1000)
        for other, took in best.items():
            if ({address, other} <= planes) is etcd and took > limit:
                yield Fault(f"{address} → {other}", f"{took:,.0f} ms", hosts=(address, other))


def _latency(scene: Scene) -> Looked:
    return Looked(tuple(_latencies(scene, etcd=False)), len(scene.probes) if len(scene.site.hosts) > 1 else 0)


def _etcd_latency(scene: Scene) -> Looked:
    several = len(scene.site.control_planes) > 1
    return Looked(tuple(_latencies(scene, etcd=True)), len(scene.site.control_planes) if several else 0)


_A: Final = Area.NETWORK

CHECKS: Final = (
    Check(
        "link-port",
        _A,
        ERROR,
        "hosts reach each other's ports",
        "joins, pulls and logs hang silently",
        "open the port in the firewall of the host or of the network",
        _ports,
        always("open, or nothing listens yet"),
    ),
    Check(
        "link-mtu",
        _A,
        ERROR,
        "packets of full size get from host to host",
        "large packets vanish",
        "raise the MTU of the link between them, or lower that of the hosts",
        _mtu,
        always("the interface's MTU"),
    ),
    Check(
        "link-one-way",
        _A,
        NOTE,
        "links work in both directions",
        "a firewall or a route affects one direction only",
        "compare rules and routes of both hosts",
        _one_way,
        always("both"),
    ),
    Check(
        "link-latency",
        _A,
        WARNING,
        "hosts are near each other",
        "everything that asks the API waits",
        "put hosts of a site into one place",
        _latency,
        most("link_latency"),
    ),
    Check(
        "etcd-latency",
        _A,
        WARNING,
        "control planes are near each other",
        "etcd changes its leader again and again",
        "put control planes into one place",
        _etcd_latency,
        most("etcd_latency"),
    ),
)
