"""Certificates: renewed inside their window, and given the names that the endpoint needs."""

from collections.abc import Iterator
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
    """Also with the API down: then clocks come first."""
    if view.existence not in {Existence.RUNNING, Existence.DOWN} or not view.owner:
        return
    for host in view.answering:
        if view.leaving(host.address) or not host.traces.kubelet_conf:
            continue
        steps = tuple(_of_host(view, host))
        if steps:
            yield Proposal("certificates", steps, budget(view, host.address))


def _of_host(view: View, host: HostObservation) -> Iterator[Step]:
    names = view.desired.names if view.is_control_plane(host.address) else frozenset[str]()
    until = view.observed.now + _window(view, host)
    after = (key(Verb.SET_CLOCK, host.address),) if view.operation.consents.fix and is_off(view, host) else ()
    for verb, probe in (
        (Verb.RENEW, CertificatesLast(host.address, until)),
        (Verb.EXTEND_NAMES, CertificatesLast(host.address, 0.0, names)),
    ):
        verdict = judge(probe, view.observed)
        if isinstance(verdict, Unsatisfied):
            yield step(verb, host.address, verdict.because, probe, after=after)


def _window(view: View, host: HostObservation) -> float:
    """How long before their end certificates are renewed; asked for by name, at once."""
    lives = [each.not_after - each.not_before for each in host.certificates if not each.authority]
    if view.operation.kind is Kind.RENEW:
        return (
            max(
                (each.not_after - view.observed.now for each in host.certificates if not each.authority),
                default=0,
            )
            + 1
        )
    return min((life / 3 for life in lives), default=WINDOW) if lives and min(lives) / 3 < WINDOW else WINDOW


def is_off(view: View, host: HostObservation) -> bool:
    """Whether the clock is further from the median than certificates bear."""
    return abs(host.clock_offset - view.offset) > CLOCK_LIMIT
