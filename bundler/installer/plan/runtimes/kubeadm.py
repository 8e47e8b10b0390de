"""Kubernetes as kubeadm makes it: static pods, a kubelet and containerd as units of their own."""

from bundler.core.errors import Problem
from bundler.installer.plan.context import Context
from bundler.installer.plan.control_plane import init_steps
from bundler.installer.plan.host import host_steps
from bundler.installer.plan.join import join_control_plane, join_worker
from bundler.installer.plan.leave import leave
from bundler.installer.plan.network import network_steps
from bundler.installer.plan.runtime import runtime_steps
from bundler.installer.plan.runtimes.verbs import Departure
from bundler.installer.plan.steps import Step
from bundler.installer.plan.timed_snapshots import timed_snapshot_steps
from bundler.installer.plan.upgrade import (
    keep,
    snapshot,
    snapshot_ids,
    upgrade_control_plane,
    upgrade_node,
)
from bundler.installer.site.model import Host


class Kubeadm:
    """The first, and the one that is run on machines by this project's tests."""

    def faults(self, _context: Context) -> tuple[Problem, ...]:
        """The plan's own checks are kubeadm's."""
        return ()

    def machine(self, context: Context) -> tuple[Step, ...]:
        """See `Runtime`."""
        return host_steps(context)

    def containers(self, context: Context) -> tuple[Step, ...]:
        """See `Runtime`."""
        return (*timed_snapshot_steps(context), *runtime_steps(context))

    def init(self, context: Context) -> tuple[Step, ...]:
        """See `Runtime`."""
        return init_steps(context)

    def join(self, context: Context, host: Host, *, after: tuple[str, ...] = ()) -> tuple[Step, ...]:
        """See `Runtime`."""
        if host.is_control_plane:
            return join_control_plane(context, host, after=after)
        return join_worker(context, host, after=after)

    def network(self, context: Context) -> tuple[Step, ...]:
        """See `Runtime`."""
        return network_steps(context)

    def leave(
        self, context: Context, host: Host, how: Departure, *, after: tuple[str, ...] = ()
    ) -> tuple[Step, ...]:
        """See `Runtime`."""
        return leave(context, host, node=how.node, gone=how.gone, after=after, delete=how.delete)

    def keep(self, host: str, version: str) -> Step:
        """See `Runtime`."""
        return keep(host, version)

    def snapshot(self, context: Context, version: str) -> tuple[Step, ...]:
        """See `Runtime`."""
        return snapshot(context, version)

    def upgrade_control_plane(
        self, context: Context, host: Host, version: str, *, after: tuple[str, ...] = ()
    ) -> tuple[Step, ...]:
        """See `Runtime`."""
        return upgrade_control_plane(context, host, version, after=(*snapshot_ids(context), *after))

    def upgrade_node(
        self, context: Context, host: Host, version: str, *, after: tuple[str, ...] = (), delete: str = ""
    ) -> tuple[Step, ...]:
        """See `Runtime`."""
        return upgrade_node(context, host, version, after=after, delete=delete)
