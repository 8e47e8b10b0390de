"""What a distribution of Kubernetes has to be able to do, as steps; nothing else tells them apart.

The planner decides by what is observed and knows no distribution. A runtime turns its verbs into steps, and
keeps three promises, which a contract test holds against each of them:

- `init` holds the step `Ids.init`, behind which the API answers on the primary control plane; `join` ends
  in `Ids.settled` (a control plane: etcd has it as a voter) or `Ids.join` (a worker).
- On a control plane `/usr/local/bin/kubectl` and `/etc/kubernetes/admin.conf` work from then on, on every
  node `/etc/kubernetes/kubelet.conf` is there: what is done through the API is the same for all.
- Every step can be run again after a break.
"""

from dataclasses import dataclass
from typing import Protocol

from bundler.core.errors import Problem
from bundler.installer.plan.context import Context
from bundler.installer.plan.steps import Step
from bundler.installer.site.model import Host


@dataclass(frozen=True, slots=True)
class Departure:
    """How a host leaves. node: its name, where it no longer answers.

    gone: it is lost for good. delete: pods that a drain may delete, in the script's form.
    """

    node: str = ""
    gone: bool = False
    delete: str = ""


class Runtime(Protocol):
    """One distribution."""

    def faults(self, context: Context) -> tuple[Problem, ...]:
        """What the bundle or the Clusterfile has that this distribution can't do with."""
        ...

    def machine(self, context: Context) -> tuple[Step, ...]:
        """Every host before any Kubernetes: names, kernel settings, programs."""
        ...

    def containers(self, context: Context) -> tuple[Step, ...]:
        """Every host's container runtime, and which registries it asks."""
        ...

    def init(self, context: Context) -> tuple[Step, ...]:
        """The first control plane, and what others need to join it."""
        ...

    def join(self, context: Context, host: Host, *, after: tuple[str, ...] = ()) -> tuple[Step, ...]:
        """A further control plane, or a worker."""
        ...

    def network(self, context: Context) -> tuple[Step, ...]:
        """The cluster's network and names, until every node is Ready."""
        ...

    def leave(
        self, context: Context, host: Host, how: Departure, *, after: tuple[str, ...] = ()
    ) -> tuple[Step, ...]:
        """The cluster goes on without this host, which is left as it was found. context: without it."""
        ...

    def keep(self, host: str, version: str) -> Step:
        """What a host runs with, before another version comes."""
        ...

    def snapshot(self, context: Context, version: str) -> tuple[Step, ...]:
        """What the cluster holds, before it changes; version: that runs now."""
        ...

    def upgrade_control_plane(
        self, context: Context, host: Host, version: str, *, after: tuple[str, ...] = ()
    ) -> tuple[Step, ...]:
        """The last step ends when the control plane serves with the version."""
        ...

    def upgrade_node(
        self, context: Context, host: Host, version: str, *, after: tuple[str, ...] = (), delete: str = ""
    ) -> tuple[Step, ...]:
        """The last step ends when the node is Ready with the version and takes pods."""
        ...
