"""How an app goes: by the Clusterfile's own lines where it has some, then by the cluster's note of it."""

from bundler.installer.facts.api import Release
from bundler.installer.plan import paths
from bundler.installer.plan.app_note import uninstall
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.launch import Commands, run_steps
from bundler.installer.plan.steps import Phase, Step


def delete_steps(
    context: Context, release: Release, because: str, *, volumes: bool, after: tuple[str, ...] = ()
) -> tuple[Step, ...]:
    """volumes: what the app has claimed goes, too."""
    host, name = context.primary.address, release.name
    lines = context.site.app_deletes.get(name, ())
    ran: tuple[Step, ...] = ()
    if lines:
        argvs = tuple(("bash", "-euc", line) for line in lines)
        commands = Commands(name, f"{paths.APPS}/{name}", argvs, {}, what="delete")
        ran = run_steps(
            context, commands, phase=Phase.APPS, after=after, inputs=content_digest("\n".join(lines))
        )
    behind = (ran[-1].id,) if ran else after
    return (*ran, uninstall(host, release, because, volumes=volumes, after=behind))
