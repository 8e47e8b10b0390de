"""Clocks that the operator asked to be set (`--fix`), before anything is issued."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.concerns.certificates import is_off
from bundler.installer.plan.cluster.make import proposal, requested, step
from bundler.installer.plan.cluster.probes import ClockIs
from bundler.installer.plan.cluster.steps import Proposal, Verb
from bundler.installer.plan.cluster.view import View


def clocks(view: View) -> Iterator[Proposal]:
    """Only with a word and a time server of the site."""
    if not view.operation.consents.fix or not view.desired.time_server:
        return
    for host in view.answering:
        if is_off(view, host) and not view.leaving(host.address):
            why = requested(f"its clock is off; {view.desired.time_server} has the time")
            yield proposal("clocks", step(Verb.SET_CLOCK, host.address, why, ClockIs(host.address)))
