"""Rollback of a minor and restore: etcd's data goes back, then the control planes are made from it."""

from collections.abc import Iterator

from bundler.core.errors import ExitCode
from bundler.installer.plan.cluster.hops import minor, running
from bundler.installer.plan.cluster.make import proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import ControlPlaneIs
from bundler.installer.plan.cluster.steps import Finding, Proposal, Refusal, Severity, Verb
from bundler.installer.plan.cluster.view import Existence, View


def way_back(view: View) -> Iterator[Proposal | Finding | Refusal]:
    """What is lost is said first, and lost only with a word."""
    if view.operation.kind is Kind.ROLLBACK and view.existence is Existence.RUNNING:
        lows = [minor(version) for version in running(view).values()]
        if any(low > minor(view.desired.versions.kubernetes) for low in lows):
            yield from _restore(view, "the API of the lower minor can't read what this one wrote")
    if view.operation.kind is Kind.RESTORE:
        if view.existence in {Existence.RUNNING, Existence.DOWN} and not view.operation.consents.lose:
            yield _loss(view, "a cluster is here, and a restore takes its data away")
        elif view.existence is not Existence.RUNNING or view.operation.consents.lose:
            yield from _restore(view, "the snapshot is restored", asked=True)


def _restore(view: View, why: str, *, asked: bool = False) -> Iterator[Proposal | Finding | Refusal]:
    if not asked and not view.operation.consents.lose:
        yield _loss(view, why)
        return
    hosts = [a for a in view.wanted_control_planes if view.observed.host(a)]
    if not hosts:
        return
    first = hosts[0]
    version = view.desired.versions.kubernetes
    pieces = view.piece_keys(first)
    yield Finding("data-goes-back", view.desired.name, _written(view), Severity.WARNING)
    yield proposal(
        "way-back",
        step(
            Verb.RESTORE,
            first,
            requested(why),
            ControlPlaneIs(first, view.node_name(first), version),
            inputs={"version": version, **_addresses(view)},
            after=pieces,
        ),
        claims={"control-plane": 1},
    )


def _addresses(view: View) -> dict[str, str]:
    """Old addresses to new ones, where a site is restored on other machines."""
    old = [host.address for host in view.recorded]
    new = [host.address for host in view.desired.hosts]
    pairs = [f"{a}={b}" for a, b in zip(old, new, strict=False) if a != b]
    return {"readdress": " ".join(pairs)} if pairs else {}


def _loss(view: View, why: str) -> Refusal:
    return Refusal(
        "BND-DATA-LOSS",
        "refused: what was written since the snapshot would be lost",
        view.desired.name,
        f"{why}; {_written(view)}",
        f"if it may go: the same command with --confirm {view.desired.name}",
        ExitCode.REFUSED,
    )


def _written(view: View) -> str:
    counted = ", ".join(f"{number} {kind}" for kind, number in sorted(view.observed.written_since.items()))
    return f"written since the snapshot: {counted or 'unknown'}"
