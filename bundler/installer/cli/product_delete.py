"""`delete` of a product whose cluster serves others, too: its own apps go, the cluster stays."""

from bundler.installer.cli import decision_view
from bundler.installer.cli.consent import agree
from bundler.installer.cli.operation_run import RunOptions, running
from bundler.installer.operations.session import Session
from bundler.installer.operations.site_run import carry_on
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.run.report import Report


def delete_apps(session: Session, options: RunOptions, report: Report, *, yes: bool) -> None:
    """Uninstall this product's apps; yes: without asking. Raises what `agree` and `carry_on` do."""
    product, others = session.bundle.index.name, ", ".join(session.neighbours)
    if not yes:
        agree(
            f"Uninstall the apps of {product}? The cluster stays for {others}.",
            command="delete",
            before="it deletes",
            undone="nothing was deleted",
            answer="delete them",
        )
    with running(session, options, begun=report) as run:
        ended = carry_on(session, run.carry_out)
    if isinstance(ended.decision, Decided):
        for line in decision_view.lines(ended.decision):
            say(line)
    if ended.stages:
        run.finish(nodes=False)
    say(f"{product} is gone from {session.site.name}; the cluster stays for {others}")
