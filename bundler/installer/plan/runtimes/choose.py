"""The runtime of a bundle, and the steps by which a cluster comes to be with any of them."""

from collections.abc import Mapping
from typing import Final

from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.distribution import Distribution
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.runtimes.k0s import K0S
from bundler.installer.plan.runtimes.k3s import K3S
from bundler.installer.plan.runtimes.kubeadm import Kubeadm
from bundler.installer.plan.runtimes.one_program import OneProgram
from bundler.installer.plan.runtimes.verbs import Runtime
from bundler.installer.plan.steps import Step

_RUNTIMES: Final[Mapping[Distribution, Runtime]] = {
    Distribution.KUBEADM: Kubeadm(),
    Distribution.K3S: OneProgram(K3S),
    Distribution.K0S: OneProgram(K0S),
}


def runtime_of(contents: Contents) -> Runtime:
    """The one that the bundle's label names."""
    return _RUNTIMES[contents.distribution]


def cluster_steps(context: Context) -> tuple[Step, ...]:
    """Initialise the primary and hand out what joining needs.

    Other control planes join in a row, workers beside them and each other.
    """
    runtime = runtime_of(context.contents)
    steps = [*runtime.init(context)]
    after = context.begun
    for host in context.further:
        steps += runtime.join(context, host, after=after)
        after = (Ids(host.address).settled,)
    for host in context.site.workers:
        steps += runtime.join(context, host)
    return tuple(steps)
