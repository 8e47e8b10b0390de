"""`readdress`: a site that answers at other addresses than its record says is made whole there."""

from collections.abc import Callable
from dataclasses import replace

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.gather import newest
from bundler.installer.operations.session import Session
from bundler.installer.operations.site_run import carry_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.order import arrange
from bundler.installer.plan.readdress import at_new_addresses, readdress_steps, who_moved
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended
from bundler.installer.site.moved import moved
from bundler.installer.site.ranges import hosts


def planned(session: Session, old: frozenset[str] | None) -> Plan | None:
    """The steps until the API serves at the new addresses; None where no machine has moved.

    Raises BundlerError (REFUSED), RefusedError.
    """
    pairs = who_moved(newest(session.facts), session.facts, old)
    if not pairs:
        return None
    session.state.operation = Operation(Kind.READDRESS)
    prepared = session.prepare(at_new_addresses(session.facts, pairs))
    context = session.context(prepared, BundlerError("nothing was prepared", code=ExitCode.BUG))
    title = f"{session.site.name}: {hosts(len(pairs))} at other addresses"
    return arrange(title, readdress_steps(context, pairs))


def readdress(session: Session, old: frozenset[str] | None, carry_out: Callable[[Plan], None]) -> Ended:
    """First the cluster, then the record, then all that an `apply` brings along.

    Broken off, the same command goes on. Raises what `planned` and `carry_on` do.
    """
    plan = planned(session, old)
    if plan is not None:
        pairs = who_moved(newest(session.facts), session.facts, old)
        session.settle()
        carry_out(plan)
        session.observe()
        before = newest(session.facts)
        if before is not None:
            session.keep(replace(moved(before, pairs), serial=before.serial + 1), before)
        session.observe()
    session.state.operation = Operation(Kind.APPLY)
    ended = carry_on(session, carry_out)
    return replace(ended, stages=ended.stages + (plan is not None))
