"""Before anything of a host changes on the way to another version: what it runs with is kept."""

from collections.abc import Iterator

from bundler.installer.plan.cluster.hops import kubelets, number, upgrading
from bundler.installer.plan.cluster.make import proposal, requested, step
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.probes import KeptIs
from bundler.installer.plan.cluster.steps import Proposal, Verb
from bundler.installer.plan.cluster.view import View


def keeping(view: View) -> Iterator[Proposal]:
    """Programs, manifests and settings of the version that runs, on every host that is to have another."""
    if view.operation.kind is not Kind.APPLY or not upgrading(view):
        return
    target = number(view.desired.versions.kubernetes)
    for address, version in kubelets(view).items():
        host = view.observed.host(address)
        if host is None or number(version) == target or version in host.generations:
            continue
        why = requested("the way back is what runs now")
        yield proposal(
            "keeping",
            step(
                Verb.KEEP, address, why, KeptIs(address, version), what=version, inputs={"version": version}
            ),
        )
