"""etcd's members: a learner is settled first, then those that are gone or replaced go out."""

from collections.abc import Iterator

from bundler.installer.facts.etcd import Member
from bundler.installer.plan.cluster.make import proposal, requested, step
from bundler.installer.plan.cluster.probes import Left, MemberGone, MemberVotes
from bundler.installer.plan.cluster.rules.identity import is_replaced
from bundler.installer.plan.cluster.steps import (
    Because,
    Cause,
    Finding,
    Guard,
    Proposal,
    Refusal,
    Severity,
    Step,
    Verb,
)
from bundler.installer.plan.cluster.view import Existence, View
from bundler.installer.site.record import HostState

_CLAIM = {"control-plane": 1}


def members(view: View) -> Iterator[Proposal | Finding | Refusal]:
    """At most one learner exists, so it comes before everything else that changes members."""
    if view.existence is not Existence.RUNNING or view.etcd is None or not view.actor:
        return
    if view.etcd.learner is not None:
        yield _learner(view, view.etcd.learner)
    for member in view.etcd.voters:
        if why := obsolete(view, member):
            yield proposal("members", *out(view, member.address, member.id, why), claims=_CLAIM)
        elif member.address not in view.addresses:
            text = "an etcd member that neither Clusterfile nor record knows; left alone"
            yield Finding("member-unknown", member.address, text, Severity.WARNING)


def _learner(view: View, learner: Member) -> Proposal | Refusal:
    host = view.observed.host(learner.address)
    if host is not None and learner.started and host.traces.etcd_data and not view.leaving(learner.address):
        because = Because(Cause.CHANGED, f"etcd member {learner.name}", "learner", "voter")
        guards = (Guard("etcd-learner", learner.id),)
        promote = step(
            Verb.PROMOTE, view.actor, because, MemberVotes(learner.id), about=learner.address, guards=guards
        )
        return proposal("members", promote, claims=_CLAIM)
    if host is None and not view.gone(learner.address):
        return Refusal(
            "BND-LEARNER",
            f"{learner.address} was joining and does not answer",
            f"etcd member {learner.id}, a learner",
            "it may still come up; until then no other member can join",
            f"get it back; if it is lost: {{run}} --gone {learner.address} -f {{file}}",
        )
    why = requested(f"its join was broken off before etcd started on {learner.address}")
    return proposal("members", *out(view, learner.address, learner.id, why), claims=_CLAIM)


def obsolete(view: View, member: Member) -> Because | None:
    """Why a voter is to go that will not leave by itself."""
    address = member.address
    if view.gone(address):
        return requested(f"{address} is gone (--gone)")
    host, consents = view.observed.host(address), view.operation.consents
    if host is None or host.traces.etcd_data or address not in view.addresses:
        return None
    deleted = view.record is not None and view.record.operation == "delete"
    recorded = view.recorded_host(address)
    agreed = recorded is not None and recorded.state is HostState.JOINING  # an earlier run was told so
    if address in consents.replaced or agreed or (deleted and not is_replaced(view, address)):
        return requested(f"another machine, or an empty one, has taken the place of {address}")
    return None


def out(view: View, address: str, member_id: str, why: Because) -> tuple[Step, ...]:
    """Remove a member and its node, without the host itself."""
    guards = (Guard("etcd-quorum-without", member_id),)
    member = step(
        Verb.REMOVE_MEMBER, view.actor, why, MemberGone(member_id), about=address, guards=guards,
        inputs={"member": member_id, "node": view.node_name(address)},
    )  # fmt: skip
    if view.node(address) is None:
        return (member,)
    name = view.node_name(address)
    node = step(
        Verb.DELETE_NODE, view.actor, why, Left(address, name, clean=False), about=address,
        inputs={"node": name}, after=(member.key,),
    )  # fmt: skip
    return (member, node)
