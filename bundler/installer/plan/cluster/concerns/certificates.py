"""Certificates: renewed inside their window, and given the names that the endpoint needs."""

from collections.abc import Iterable, Iterator
from typing import Final

from bundler.installer.facts.observed import HostObservation
from bundler.installer.plan.cluster.judge import judge
from bundler.installer.plan.cluster.make import budget, key, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import CertificatesLast
from bundler.installer.plan.cluster.rules.risk import CLOCK_LIMIT
from bundler.installer.plan.cluster.steps import Proposal, Step, Verb
from bundler.installer.plan.cluster.verdict import Unsatisfied
from bundler.installer.plan.cluster.view import Existence, View

_DAY: Final = 86400.0
WINDOW: Final = 30 * _DAY  # or a third of the lifetime, whichever is shorter


def certificates(view: View) -> Iterator[Proposal]:
    """Control planes one by one, then all kubelets. With the API down, control planes alone can be helped."""
    if view.existence not in {Existence.RUNNING, Existence.DOWN} or not view.owner:
        return
    hosts = [each for each in view.answering if each.traces.kubelet_conf and not view.leaving(each.address)]
    control = [host for host in hosts if view.is_control_plane(host.address)]
    workers = [host for host in hosts if not view.is_control_plane(host.address)]
    first = tuple(_proposals(view, control))
    yield from first
    if not first and view.existence is Existence.RUNNING:
        yield from _proposals(view, workers)


def _proposals(view: View, hosts: Iterable[HostObservation]) -> Iterator[Proposal]:
    """A worker's pods run on while its kubelet starts anew, so that it takes nothing of a budget."""
    for host in hosts:
        if steps := tuple(_of_host(view, host)):
            claims = budget(view, host.address) if view.is_control_plane(host.address) else {}
            yield Proposal("certificates", steps, claims)


def _of_host(view: View, host: HostObservation) -> Iterator[Step]:
    names = view.desired.names if view.is_control_plane(host.address) else frozenset[str]()
    until = view.observed.now + _window(host)
    since = view.operation.since if view.operation.kind is Kind.RENEW else 0.0
    after = (key(Verb.SET_CLOCK, host.address),) if view.operation.consents.fix and is_off(view, host) else ()
    inputs = {"node": view.node_name(host.address), "since": f"{since or view.observed.now:.0f}"}
    for verb, probe in (
        (Verb.RENEW, CertificatesLast(host.address, until, since=since)),
        (Verb.EXTEND_NAMES, CertificatesLast(host.address, 0.0, names)),
    ):
        verdict = judge(probe, view.observed)
        if isinstance(verdict, Unsatisfied):
            yield step(verb, host.address, verdict.because, probe, inputs=inputs, after=after)
            after = (key(verb, host.address),)


def _window(host: HostObservation) -> float:
    """How long before their end certificates are renewed."""
    lives = [each.not_after - each.not_before for each in host.certificates if each.of_cluster]
    return min((life / 3 for life in lives), default=WINDOW) if lives and min(lives) / 3 < WINDOW else WINDOW


def is_off(view: View, host: HostObservation) -> bool:
    """Whether the clock is further from the median than certificates bear."""
    return abs(host.clock_offset - view.offset) > CLOCK_LIMIT
