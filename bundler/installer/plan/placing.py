"""Files of the bundle on their way to a host: delivered as they are, or written as this site has them."""

from collections.abc import Iterable
from dataclasses import dataclass

from bundler.core.index import Member
from bundler.installer.plan import paths
from bundler.installer.plan.contents import KUBEADM_FILE, TREE
from bundler.installer.plan.context import Context
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Deliver, Delivery, Phase, Step, Write


@dataclass(frozen=True, slots=True)
class Placed:
    """The steps; files: those that are delivered."""

    steps: tuple[Step, ...]
    files: tuple[Delivery, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """What comes after them."""
        return tuple(step.id for step in self.steps)


def change_steps(context: Context, delivered: frozenset[str]) -> tuple[Step, ...]:
    """On every host, files that the Clusterfile changes and that belong to no app: plug-ins read them.

    delivered: hosts that get the bundle's whole tree.
    """
    hosts = (host.address for host in context.site.hosts if host.address not in delivered)
    return tuple(step for host in hosts for step in _changed(context, host))


def _changed(context: Context, host: str) -> tuple[Step, ...]:
    contents = context.contents.on(host)
    if not contents.written:
        return ()
    apps = tuple(f"{contents.app_folder(app)}/" for app in contents.index.apps)
    files = (
        (member, f"{paths.TREE}/{member.path.removeprefix(f'{TREE}/')}")
        for member in contents.below(TREE)
        if member.path in contents.written and not member.path.startswith((KUBEADM_FILE, *apps))
    )
    return placed(context, host, "changed", files, "").steps


def placed(
    context: Context, host: str, what: str, files: Iterable[tuple[Member, str]], reason: str
) -> Placed:
    """Every file to its path on the host. what: the last part of the delivery's id."""
    listed = tuple(files)
    contents = context.contents.on(host)
    written = contents.written
    deliveries = tuple(
        contents.deliver(member, path) for member, path in listed if member.path not in written
    )
    delivery = Deliver(
        id=ident(Phase.DISTRIBUTE, host, what),
        host=host,
        phase=Phase.DISTRIBUTE,
        reason=reason,
        files=deliveries,
    )
    writes = tuple(
        Write(
            id=ident(Phase.DISTRIBUTE, host, f"{what}:{member.path.replace('/', ':')}"),
            host=host,
            phase=Phase.DISTRIBUTE,
            reason="the Clusterfile changes this file of the bundle",
            path=path,
            content=written[member.path].decode("utf-8", "replace"),
            mode=member.mode & 0o750,
            secret=True,
        )
        for member, path in listed
        if member.path in written
    )
    return Placed(((delivery, *writes) if deliveries else writes), deliveries)
