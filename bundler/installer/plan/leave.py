"""Leaving: the steps by which one host stops being part of a cluster that goes on.

`leave` is a plain function. Its Context is that of the site *without* the host: `context.primary` is a
control plane that stays, and asks the cluster. A plan that holds `leave` also has, for the same Context, the
producers of `join`'s docstring for the hosts that stay; where a control plane leaves, `leave` comes after
those of their steps that `told` names, so that no balancer leads to it when it stops. The API has a name, so
neither certificates nor kubeconfigs nor the ConfigMap cluster-info change.

The quorum is looked at again by the step that removes the member; `site.quorum` decides beforehand.
"""

from typing import Final

from bundler.core.addresses import in_url
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.endpoint import balanced
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.remove import host_removal
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

DRAIN_LIMIT: Final = 300  # seconds


def told(context: Context) -> tuple[str, ...]:
    """Steps after which no balancer leads anybody to a control plane that the site no longer has."""
    return tuple(Ids(host.address).balancer for host in context.site.workers if balanced(context, host))


def leave(
    context: Context,
    host: Host,
    *,
    node: str = "",
    gone: bool = False,
    after: tuple[str, ...] = (),
    drain_limit: int = DRAIN_LIMIT,
    delete: str = "",
) -> tuple[Step, ...]:
    """Drain, end what still serves there, take the member out of etcd, delete the node, clear the machine.

    node: its name, where the host no longer answers. gone: the host is lost for good: nothing is asked of it,
    and nothing is drained, since nothing runs there.
    """
    name = node or node_name(context.of(host))
    steps = Row(context.primary.address, host.address, after)
    if host.is_control_plane:
        steps.primary(
            "snapshot",
            "etcd's members are about to change",
            "etcd.sh",
            "etcd-keys.sh",
            "etcd-snapshot.sh",
            reason="leave",
            keep="",
        )
    if not gone:
        steps.primary(
            "drain",
            f"what runs on {name} moves to other nodes",
            "kubectl.sh",
            "drain.sh",
            timeout=drain_limit + 60.0,
            node=name,
            limit=str(drain_limit),
            delete=delete,
        )
        steps.primary(
            "empty",
            f"Services no longer route to {name}",
            "kubectl.sh",
            "node-empty.sh",
            node=name,
        )
        steps.own("kubelet-stop", "a kubelet that runs would enter its node again", "kubelet-stop.sh")
    if host.is_control_plane:
        steps.primary(
            "member",
            f"etcd goes on without {name}",
            "etcd.sh",
            "etcd-leave.sh",
            timeout=180.0,
            member=name,
            address=in_url(host.address),
        )
    steps.primary("node", f"{name} is removed from the cluster", "kubectl.sh", "node-delete.sh", node=name)
    removal = () if gone else host_removal(host, _addresses(context, host), after=(steps.last,))
    return (*steps.made, *removal)


def _addresses(context: Context, host: Host) -> tuple[str, ...]:
    return (*(each.address for each in context.site.hosts), host.address)


class Row:
    """Steps one behind the other, on the control plane that stays or on the host itself."""

    def __init__(self, primary: str, host: str, after: tuple[str, ...]) -> None:
        self._primary, self._host, self._after = primary, host, after
        self.made: list[Step] = []

    @property
    def last(self) -> str:
        """The id of the last one."""
        return self.made[-1].id

    def primary(self, what: str, why: str, *scripts: str, timeout: float = 120.0, **variables: str) -> None:
        """A step on the control plane that stays."""
        self._add(
            self._primary, f"{what}-{self._host}", why, templates.script(*scripts, **variables), timeout
        )

    def own(self, what: str, why: str, *scripts: str, **variables: str) -> None:
        """A step on the host that leaves."""
        self._add(self._host, what, why, templates.script(*scripts, **variables), 120.0)

    def _add(self, host: str, what: str, why: str, script: str, timeout: float) -> None:
        after = (self.last,) if self.made else self._after
        self.made.append(
            Exec(
                id=ident(Phase.REMOVE, host, what),
                host=host,
                phase=Phase.REMOVE,
                reason=why,
                after=after,
                always_run=True,
                script=script,
                timeout=timeout,
            )
        )
