"""decide(desired, observed, operation) -> Plan | Refused. Pure: no clock, no chance, no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from bundler.installer.facts.observed import Observed
from bundler.installer.facts.seen import Present
from bundler.installer.plan.cluster.assume import assume_all
from bundler.installer.plan.cluster.compose import Composed, compose
from bundler.installer.plan.cluster.concerns.apps import apps
from bundler.installer.plan.cluster.concerns.certificates import certificates
from bundler.installer.plan.cluster.concerns.clocks import clocks
from bundler.installer.plan.cluster.concerns.control_planes import control_planes
from bundler.installer.plan.cluster.concerns.endpoint import endpoint
from bundler.installer.plan.cluster.concerns.keeping import keeping
from bundler.installer.plan.cluster.concerns.members import members
from bundler.installer.plan.cluster.concerns.nodes import nodes
from bundler.installer.plan.cluster.concerns.pieces import late_pieces, pieces
from bundler.installer.plan.cluster.concerns.removal import removal
from bundler.installer.plan.cluster.concerns.settings import settings
from bundler.installer.plan.cluster.concerns.status import status
from bundler.installer.plan.cluster.concerns.versions import versions
from bundler.installer.plan.cluster.concerns.way_back import way_back
from bundler.installer.plan.cluster.concerns.workers import workers
from bundler.installer.plan.cluster.intent import intend, moved_on
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.probes import PieceIs
from bundler.installer.plan.cluster.rules.aim import aim
from bundler.installer.plan.cluster.rules.identity import identity
from bundler.installer.plan.cluster.rules.reach import reach
from bundler.installer.plan.cluster.rules.risk import risk
from bundler.installer.plan.cluster.steps import (
    Decision,
    Finding,
    Plan,
    Proposal,
    Refusal,
    Refused,
    Stage,
    Step,
    Verb,
)
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.desired import Desired

_CONCERNS: Final = (
    removal, clocks, way_back, keeping, pieces, certificates, members, versions, settings, control_planes,
    nodes, workers, endpoint, late_pieces, apps, status,
)  # fmt: skip
BOUND: Final = 200  # stages that are foreseen at most


def decide(desired: Desired, observed: Observed, operation: Operation) -> Decision:
    """One stage to do now and a forecast of the rest, or every reason to do nothing.

    A later stage that would be refused refuses the whole: nothing is begun that can't be ended.
    """
    view = moved_on(View(desired, observed, operation))
    decision, composed = _decide(view)
    if isinstance(decision, Refused) or decision.stage is None:
        return decision
    stages, refused = foresee(view, decision.stage, composed.held if composed else ())
    return refused or replace(decision, forecast=stages)


def foresee(view: View, stage: Stage, held: Sequence[str] = ()) -> tuple[tuple[Stage, ...], Refused | None]:
    """The stages behind this one, if every step does what its probe says. held: keys that wait for them."""
    stages: list[Stage] = []
    put_off: tuple[Step, ...] = ()
    for _ in range(BOUND):
        record = intend(view, "forecast", "forecast")
        whole = _whole(view, stage, held)
        unread, steps = _unread(view, whole), (*put_off, *stage.steps)
        observed = assume_all(steps, view.observed, unread)
        if any(each.verb is Verb.RESTORE for each in stage.steps):
            break  # the site goes on as an ordinary one from there
        kept = None if _is_clean(stage, observed) else record  # a record goes with the last host that has it
        view = moved_on(View(view.desired, observed, view.operation, kept, whole))
        if view.existence is Existence.DOWN:
            break  # whether the API comes up again has to be seen
        decision, composed = _decide(view)
        held = composed.held if composed else ()
        if isinstance(decision, Refused):
            return tuple(stages), decision
        if decision.stage is None or _keys(decision.stage) == _keys(stage):
            break
        stage = decision.stage
        stages.append(stage)
        put_off = tuple(s for s in steps if isinstance(s.probe, PieceIs) and s.probe.piece.host in unread)
    return tuple(stages), None


_SPARES: Final = frozenset(  # nothing that is in place on a host is undone by these
    {
        *(Verb.PUT, Verb.CHECK_PULL, Verb.INIT, Verb.FINISH_INIT, Verb.JOIN, Verb.JOIN_CONTROL_PLANE),
        *(Verb.AWAIT_NODE, Verb.LABELS, Verb.UNTAINT, Verb.UNCORDON, Verb.APP, Verb.SNAPSHOT),
    }
)


def _whole(view: View, stage: Stage, held: Sequence[str]) -> frozenset[str]:
    """Hosts whose pieces are as they are to be behind this stage, so that they are not looked at again.

    Each piece was looked at before, and is done in the stage if it was not as it has to be.
    """
    if not view.owner or view.existence not in {Existence.ABSENT, Existence.UNFINISHED, Existence.RUNNING}:
        return frozenset()
    waiting = set(held)
    broken = {step.subject for step in stage.steps if step.verb not in _SPARES}
    broken |= {piece.host for piece in view.desired.pieces if piece.key in waiting} if waiting else set()
    looked_at = (a for a in view.addresses if view.observed.host(a) is not None and not view.leaving(a))
    return frozenset(address for address in looked_at if address not in broken)


def _unread(view: View, whole: frozenset[str]) -> frozenset[str]:
    """Of these hosts, those whose pieces nobody looks at behind this stage: on a large site nearly all.

    A piece that needs the cluster is looked at still, and so is what it follows from.
    """
    if view.operation.consents.keep or view.desired.registry.external:
        return frozenset()
    return whole - view.desired.late.keys()


def _is_clean(stage: Stage, observed: Observed) -> bool:
    wiped = bool(stage.verbs(Verb.WIPE))
    return wiped and not any(
        isinstance(seen, Present) and seen.value.ours for seen in observed.hosts.values()
    )


def _keys(stage: Stage) -> frozenset[str]:
    return frozenset(step.key for step in stage.steps)


def refuse(view: View) -> Refused | None:
    """The reasons to do nothing that need no step to be thought of: identity, reachability, aim."""
    refusals, findings = _sorted((*identity(view),))
    if not refusals:
        refusals, found = _sorted((*reach(view), *aim(view)))
        findings += found
    return Refused(refusals, findings) if refusals else None


def _decide(view: View) -> tuple[Decision, Composed | None]:
    if refused := refuse(view):
        return refused, None
    _, findings = _sorted(tuple(reach(view)))
    said = tuple(_ask_concerns(view))
    proposals = tuple(each for each in said if isinstance(each, Proposal))
    steps: Sequence[Step] = [step for each in proposals for step in each.steps]
    refusals, found = _sorted(
        (*(each for each in said if not isinstance(each, Proposal)), *risk(view, steps))
    )
    findings += found
    if refusals:
        return Refused(refusals, findings), None
    composed = compose(view, proposals)
    if composed.stage is None and (stuck := tuple(_stuck(view, composed))):
        return Refused(stuck, findings), None
    partial = tuple(sorted(view.excused))
    return Plan(composed.stage, (), findings, composed.held, partial), composed


def _ask_concerns(view: View) -> Iterator[Proposal | Finding | Refusal]:
    """A site that is being removed, or whose cluster is down, is no place for anything else."""
    only: tuple[object, ...] = _CONCERNS
    if view.operation.kind is Kind.DELETE or view.existence is Existence.REMOVING:
        only = (removal,)
    elif view.operation.kind is Kind.RENEW:
        only = (clocks, certificates)
    elif any(clocks(view)):  # before anything is issued, and looked at again
        only = (clocks,)
    for concern in _CONCERNS:
        if concern in only:
            yield from concern(view)


def _sorted(
    said: Sequence[Finding | Refusal],
) -> tuple[tuple[Refusal, ...], tuple[Finding, ...]]:
    refusals = tuple(each for each in said if isinstance(each, Refusal))
    findings = tuple(dict.fromkeys(each for each in said if isinstance(each, Finding)))
    return refusals, findings


def _stuck(view: View, composed: Composed) -> Iterator[Refusal]:
    """Nothing fits, or nothing is proposed though something is wrong: never "nothing to do"."""
    if composed.held:
        yield Refusal(
            "BND-NOTHING-FITS",
            "nothing can be done now",
            ", ".join(composed.held[:3]),
            "too many hosts are down to disturb another one, or a control plane's place is taken",
            "fix the hosts that are not Ready, or raise maxUnavailable; then run the same command",
        )
    elif view.existence is Existence.DOWN and view.operation.kind is not Kind.DELETE:
        lines = [f"{host.address}: {host.last_lines}" for host in view.answering if host.last_lines]
        yield Refusal(
            "BND-API-DOWN",
            "the API does not answer, although everything we manage is as it should be",
            ", ".join(view.control_planes),
            "; ".join(lines) or "the static pods exist; their containers log nothing",
            "look at: crictl ps -a, crictl logs, journalctl -u kubelet; then run the same command",
        )
    elif view.existence is Existence.RUNNING and view.operation.kind is Kind.APPLY and not view.actor:
        yield Refusal(
            "BND-NO-ACTOR",
            "no control plane is whole enough to act on",
            ", ".join(view.control_planes),
            "the API answers, but no answering host is an etcd voter and a node with its static pods",
            "restore at least one control plane",
        )
