"""Upgrading a distribution that is one program: the new program lies there, and is started anew."""

from typing import Final

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.leave import DRAIN_LIMIT
from bundler.installer.plan.runtimes.flavour import Flavour
from bundler.installer.plan.steps import Await, Exec, Phase, Step
from bundler.installer.plan.upgrade import keep_id, kept
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_STARTS: Final = 600.0  # seconds
_SETTLES: Final = 300.0


def keep(flavour: Flavour, host: str, version: str) -> Step:
    """The program and what it reads."""
    layout = flavour.layout
    return Exec(
        id=keep_id(host),
        host=host,
        phase=Phase.PREFLIGHT,
        reason=f"what {version} runs with stays at hand",
        always_run=True,
        script=templates.script(
            "distribution-keep.sh",
            keep=kept(version),
            program=f"{paths.PROGRAMS}/{layout.program}",
            config=layout.config,
        ),
    )


def snapshot(flavour: Flavour, context: Context, version: str) -> tuple[Step, ...]:
    """By the program itself, on the primary."""
    primary = context.primary.address
    return (
        Exec(
            id=ident(Phase.CONTROL_PLANE, primary, "upgrade-snapshot"),
            host=primary,
            phase=Phase.CONTROL_PLANE,
            reason="what the cluster holds is saved before it is upgraded",
            after=(keep_id(primary),),
            always_run=True,
            timeout=900.0,
            script=templates.script(*flavour.snapshot, name=f"before-{version}"),
        ),
    )


def upgrade_control_plane(
    flavour: Flavour, context: Context, host: Host, version: str, *, after: tuple[str, ...] = ()
) -> tuple[Step, ...]:
    """The new program lies there: started anew, it is the API server, etcd and kubelet of the version."""
    primary = context.primary.address
    again = _again(
        flavour, host, "upgrade", version, (*after, ident(Phase.CONTROL_PLANE, primary, "upgrade-snapshot"))
    )
    settled = Await(
        id=ident(Phase.CONTROL_PLANE, host.address, "upgrade-settled"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="nothing else is touched until every member of etcd is a voter",
        after=(again.id,),
        always_run=True,
        script=templates.script(*flavour.settled, member=node_name(context.of(host))),
        subject="every member of etcd to be a voter",
        deadline=_SETTLES,
    )
    return (again, settled)


def upgrade_node(
    flavour: Flavour,
    context: Context,
    host: Host,
    version: str,
    *,
    after: tuple[str, ...] = (),
    delete: str = "",
) -> tuple[Step, ...]:
    """A control plane's kubelet came with it; a worker is drained and started anew."""
    phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
    primary, name = context.primary.address, node_name(context.of(host))
    made: list[Step] = []
    if not host.is_control_plane:
        drain = templates.script("kubectl.sh", "drain.sh", node=name, limit=str(DRAIN_LIMIT), delete=delete)
        made.append(_asked(host, primary, "upgrade-node-drain", drain, after, DRAIN_LIMIT + 60.0))
        made.append(_again(flavour, host, "upgrade-node-again", version, (made[-1].id,)))
    made.append(
        Await(
            id=ident(phase, host.address, "upgrade-node-ready"),
            host=primary,
            phase=phase,
            reason="the next one waits until this one serves",
            after=(made[-1].id,) if made else after,
            always_run=True,
            script=templates.script("kubectl.sh", "node-runs.sh", node=name, version=version),
            subject=f"{name} to be Ready with {version}",
            deadline=_SETTLES,
            diagnose=templates.script("kubectl.sh", "diagnose.sh"),
        )
    )
    uncordon = templates.script("kubectl.sh", "uncordon.sh", node=name)
    return (*made, _asked(host, primary, "upgrade-node-uncordon", uncordon, (made[-1].id,), 60.0))


def _again(flavour: Flavour, host: Host, what: str, version: str, after: tuple[str, ...]) -> Step:
    phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
    return Exec(
        id=ident(phase, host.address, what),
        host=host.address,
        phase=phase,
        reason=f"{flavour.layout.program} is to run as {version}",
        after=(*after, Ids(host.address).programs),
        always_run=True,
        timeout=_STARTS,
        script=templates.script(
            "distribution-again.sh", unit=flavour.unit(host), disturbs="", inputs=version
        ),
    )


def _asked(host: Host, primary: str, what: str, script: str, after: tuple[str, ...], timeout: float) -> Step:
    phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
    return Exec(
        id=ident(phase, host.address, what),
        host=primary,
        phase=phase,
        reason="one node after the other" if "drain" in what else "the node takes pods again",
        after=after,
        always_run=True,
        script=script,
        timeout=timeout,
    )
