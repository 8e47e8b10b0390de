"""What two observations of a site have in common, if the one is of machines and the other of simulated ones.

Without ids, times and contents, which differ by nature. Both come in the same types; those of machines went
through the parser of their raw answers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bundler.installer.facts.observed import HostObservation, Observed
from bundler.installer.facts.seen import value_of
from bundler.installer.plan.cluster.operation import Operation
from tests.fakes.site.access import go
from tests.fakes.site.recipe import desired
from tests.fakes.site.site import Site

_UNITS = ("containerd.service", "kubelet.service", "bundler-registry.service")

Picture = Mapping[str, object]


def picture(observed: Observed, names: Mapping[str, str]) -> Picture:
    """names: of hosts by address, the same for the same host on either side."""
    api, etcd = value_of(observed.api), value_of(observed.etcd)
    record = value_of(api.record) if api else None
    return {
        "hosts": {
            name: _host(host)
            for address, name in names.items()
            if (host := observed.host(address)) is not None
        },
        "nodes": {
            names.get(node.address, node.address): (node.control_plane, node.ready, node.cordon)
            for node in (api.nodes if api else ())
        },
        "members": {
            names.get(member.address, member.address): (member.started, member.voter, member.healthy)
            for member in (etcd.members if etcd else ())
        },
        "recorded": {
            names.get(host.address, host.address): (host.role, host.state)
            for host in (record.hosts if record else ())
        },
        "open": record.operation if record else None,
    }


def _host(host: HostObservation) -> Mapping[str, object]:
    return {
        "traces": host.traces,
        "ours": host.ours,
        "removing": host.removing,
        "record": value_of(host.record) is not None,
        "units": {
            unit: (state.enabled, state.active)
            for unit in _UNITS
            if (state := host.units.get(unit)) is not None
        },
        "parts": frozenset(host.components),
    }


def life(
    machines: Iterable[str], chapters: Iterable[tuple[Iterable[str], Iterable[str], Operation]]
) -> list[Picture]:
    """A simulated site after each chapter: control planes, workers, and what is asked for.

    Machines are called by their own addresses.
    """
    addresses = list(machines)
    site, pictures = Site.of(addresses), list[Picture]()
    for controls, workers, operation in chapters:
        aim = replace(desired(controls, workers), apps=())
        ended = go(site, aim, operation)
        assert ended.done, ended
        pictures.append(picture(site.observe(), {address: address for address in addresses}))
    return pictures
