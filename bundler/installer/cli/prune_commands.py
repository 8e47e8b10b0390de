"""`prune`: content that only bundles of the past had goes from registries and nodes."""

import sys
from typing import Annotated

import typer

from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.core.words import counted
from bundler.installer.cli import show
from bundler.installer.cli.operation_run import running
from bundler.installer.cli.site_options import Clusterfile
from bundler.installer.cli.typer_app import run_file
from bundler.installer.cli.work_options import WorkOptions
from bundler.installer.facts.gather import newest
from bundler.installer.operations.opening import opened
from bundler.installer.operations.session import Session
from bundler.installer.operations.speaking import say
from bundler.installer.plan.order import arrange
from bundler.installer.plan.prune import Doomed, doomed, parse, prune_steps
from bundler.installer.scripts.render import script

PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would be removed, without removing it.")]


@spread
def prune_command(
    *,
    clusterfile: Clusterfile,
    plan: PlanOnly = False,
    work: WorkOptions,
) -> None:
    """Remove content that only bundles of the past had; the last two of each product of the site stay."""
    with opened(
        run_file(), clusterfile, work.access(), work.gate(),
        parallel=work.parallel, tell=say, alone=not plan,
    ) as session:  # fmt: skip
        found = _doomed(session)
        steps = arrange(f"{session.bundle.index.name}: prune", prune_steps(session.site.hosts, found))
        if not found.bundles:
            say("nothing to do: no more than two bundles of each product are here")
            return
        what = f"{counted(len(found.images), 'image')}, {counted(len(found.blobs), 'blob')}"
        say(f"of the past, no longer needed: {', '.join(found.bundles)}: {what}")
        if plan:
            put(sys.stdout, f"{show.plan_text(steps)}\n")
            return
        with running(session, work.run("prune")) as run:
            run.carry_out(steps)
        run.finish(nodes=False)


def _doomed(session: Session) -> Doomed:
    first = next(h.address for h in session.site.control_planes if h.address in session.transports)
    record = newest(session.facts)
    products = frozenset(each.name for each in record.products) if record else None
    return doomed(parse(session.ask(first, script("bundle-lists.sh"))), products)


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("prune")(prune_command)
