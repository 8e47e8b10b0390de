"""`snapshots` of the Clusterfile: a timer on every control plane, whose files stay there, for root alone."""

from collections.abc import Iterator

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.snapshot import SCRIPTS
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, TimedSnapshots


def timed_snapshot_steps(context: Context) -> tuple[Step, ...]:
    """For every control plane, if the Clusterfile asks for it; where it no longer does, the timer goes."""
    wanted = context.site.snapshots
    if wanted is None:
        return tuple(_gone(host) for host in context.site.hosts if _has_timer(context, host))
    return tuple(step for host in context.site.control_planes for step in _one(host, wanted))


def _has_timer(context: Context, host: Host) -> bool:
    seen = context.of(host).site
    return seen is not None and paths.SNAPSHOT_TIMER in seen.units


def _gone(host: Host) -> Step:
    return Exec(
        id=ident(Phase.HOST, host.address, "without-bundler-snapshot"),
        host=host.address,
        phase=Phase.HOST,
        reason="the Clusterfile no longer asks for snapshots; those that are there stay",
        after=(Ids(host.address).prepare,),
        script=templates.script(
            "unit-gone.sh",
            unit=paths.SNAPSHOT_TIMER,
            file=f"{paths.UNITS}/{paths.SNAPSHOT_TIMER}",
            also=f"{paths.UNITS}/{paths.SNAPSHOT_SERVICE} {paths.SNAPSHOT_SCRIPT}",
        ),
    )


def _one(host: Host, wanted: TimedSnapshots) -> Iterator[Step]:
    text = templates.script(
        *SCRIPTS,
        "snapshot-timed.sh",
        folder=f"{paths.STATE}/snapshot-timed",
        timed=paths.TIMED_SNAPSHOTS,
        keep=str(wanted.keep),
    )
    files = {
        paths.SNAPSHOT_SCRIPT: (f"#!/bin/sh\nPATH=$PATH:{paths.PROGRAMS}\n{text}", 0o700),
        f"{paths.UNITS}/{paths.SNAPSHOT_SERVICE}": (
            templates.render("snapshot.service.j2", script=paths.SNAPSHOT_SCRIPT),
            0o644,
        ),
        f"{paths.UNITS}/{paths.SNAPSHOT_TIMER}": (
            templates.render("snapshot.timer.j2", every=wanted.every),
            0o644,
        ),
    }
    writes = [
        Write(
            id=ident(Phase.HOST, host.address, path.rpartition("/")[2]),
            host=host.address,
            phase=Phase.HOST,
            reason=f"the Clusterfile asks for a snapshot every {wanted.every}",
            after=(Ids(host.address).prepare,),
            path=path,
            content=content,
            mode=mode,
        )
        for path, (content, mode) in files.items()
    ]
    yield from writes
    yield Exec(
        id=ident(Phase.HOST, host.address, "snapshot-start"),
        host=host.address,
        phase=Phase.HOST,
        reason=f"of the snapshots the newest {wanted.keep} stay here",
        after=tuple(each.id for each in writes),
        script=templates.script(
            "unit-start.sh",
            unit=paths.SNAPSHOT_TIMER,
            ready="",
            inputs=content_digest("".join(each.content for each in writes)),
        ),
    )
