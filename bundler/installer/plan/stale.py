"""Leftovers of an earlier bundle that nothing overwrites: registries that are no longer named."""

from collections.abc import Iterable

from bundler.installer.plan import paths
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates


def stale_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """One step for each host with registries; what the other steps write there is what stays."""
    kept: dict[str, list[Write]] = {}
    for step in steps:
        if isinstance(step, Write) and step.path.startswith(f"{paths.CERTS}/"):
            kept.setdefault(step.host, []).append(step)
    return tuple(_one(host, writes) for host, writes in kept.items())


def told_id(host: str) -> str:
    """The step behind which a host knows the registries and no others."""
    return ident(Phase.RUNTIME, host, "registries")


def _one(host: str, writes: list[Write]) -> Step:
    names = sorted({write.path.removeprefix(f"{paths.CERTS}/").partition("/")[0] for write in writes})
    return Exec(
        id=told_id(host),
        host=host,
        phase=Phase.RUNTIME,
        reason="containerd no longer asks registries that the bundle no longer names",
        after=tuple(write.id for write in writes),
        script=templates.script("certs-stale.sh", certs=paths.CERTS, names=" ".join(names)),
    )
