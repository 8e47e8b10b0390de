"""The commands of a .run, as typer reads them from their signatures."""

import contextlib
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from bundler.core.archive.reader import Bundle
from bundler.core.option_groups import spread
from bundler.core.terminal import show as put
from bundler.installer.cli import decision_view, plan_view, show
from bundler.installer.cli import options as opt
from bundler.installer.cli.certs_commands import register as register_certs
from bundler.installer.cli.check_commands import register as register_checks
from bundler.installer.cli.collect_command import register as register_collect
from bundler.installer.cli.consent import agree
from bundler.installer.cli.content_commands import register as register_content
from bundler.installer.cli.day_after_commands import register as register_day_after
from bundler.installer.cli.drain_choice import chooser
from bundler.installer.cli.explain_command import register as register_explain
from bundler.installer.cli.host_commands import register as register_hosts
from bundler.installer.cli.operation_run import Request, operate, running
from bundler.installer.cli.product_delete import delete_apps
from bundler.installer.cli.prune_commands import register as register_prune
from bundler.installer.cli.readdress_command import register as register_readdress
from bundler.installer.cli.rehearse_command import register as register_rehearsal
from bundler.installer.cli.reports import reported
from bundler.installer.cli.restore_commands import register as register_restore
from bundler.installer.cli.rollback_commands import register as register_rollback
from bundler.installer.cli.schema_commands import register as register_schema
from bundler.installer.cli.site_options import (
    AllSteps,
    AsJson,
    BlockedDrain,
    Clusterfile,
    ConsentOptions,
    DeleteVolumes,
    LoginOptions,
    Parallel,
    TimeoutFactor,
    Yes,
    consent_words,
)
from bundler.installer.cli.snapshot_commands import register as register_snapshots
from bundler.installer.cli.status_commands import register as register_status
from bundler.installer.cli.typer_app import called, new_app, run_file
from bundler.installer.cli.work_options import HostOptions, UpgradeOptions, WorkOptions
from bundler.installer.operations.carrying import check_lost, logged
from bundler.installer.operations.opening import opened
from bundler.installer.operations.session import Session
from bundler.installer.operations.site_run import carry_on
from bundler.installer.operations.speaking import say
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.steps import Plan
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.site.ranges import hosts as counted

HELP: Final = """Bring up the Kubernetes product in this file on your machines, over ssh.

    ./product.run --clusterfile site.yaml

Run the same command again to continue where the last run stopped. Nothing connects to the internet.
"""
EPILOG: Final = "`apply` is the default command. To inspect the file: --info, --list and --check."

app = new_app(help=HELP, epilog=EPILOG)

PlanLog = Annotated[Path | None, typer.Option(help="Write the plan, or the reasons for refusing, as JSON.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="PRODUCT", help="Delete this other product of the cluster, too."),
]


@app.command()
@spread
def apply(
    *,
    clusterfile: Clusterfile,
    base: opt.Bases = None,
    consents: ConsentOptions,
    blocked_drain: BlockedDrain = None,
    timeout_factor: TimeoutFactor = None,
    work: UpgradeOptions,
) -> None:
    """Install, or go on with an install.

    Makes the site what the Clusterfile says; what is done already is left out.
    """
    timeouts = Timeouts.parse(timeout_factor or ())
    following = shlex.join((called(), "status", "-f", str(clusterfile)))
    request = Request(
        work.run("apply", timeouts, following),
        clusterfile,
        work.access(max_failed=consents.max_failed),
        work.gate(),
        _nothing_to_do,
        do=partial(carry_on, choose=chooser(blocked_drain)),
        bases=tuple(base or ()),
    )
    operate(request, consents.operation())


def _nothing_to_do(session: Session) -> None:
    session.record()
    say(f"{session.title}: nothing to do")


@app.command()
@spread
def plan(  # noqa: PLR0913  (a command has as many parameters as options)
    *,
    clusterfile: Clusterfile,
    login: LoginOptions,
    base: opt.Bases = None,
    trust: opt.UpgradeTrustOptions,
    parallel: Parallel = 32,
    consents: ConsentOptions,
    log: PlanLog = None,
    verbose: AllSteps = False,
    as_json: AsJson = False,
) -> None:
    """Show what apply would do, and do nothing."""
    access = login.access(max_failed=consents.max_failed)
    with opened(
        run_file(), clusterfile, access, trust.gate(), parallel=parallel, tell=say, bases=base or (),
        operation=consents.operation(),
    ) as session:  # fmt: skip
        with logged(session, log) if log else contextlib.nullcontext() as written:
            decided = session.plan()
            if written is not None:
                written.note(event="plan", **show.plan_data(decided))
        text = _plan_text(session, decided, clusterfile, verbose=verbose)
    put(sys.stdout, f"{show.plan_json(decided) if as_json else text}\n")
    if not as_json:
        check_lost(session)


@app.command()
@spread
def delete(
    *,
    clusterfile: Clusterfile,
    timeout_factor: TimeoutFactor = None,
    work: WorkOptions,
    yes: Yes = False,
    with_: With = None,
    delete_volumes: DeleteVolumes = None,
) -> None:
    """Take the cluster down, data and all.

    Leaves the machines as they were found. Where the cluster serves other products, only this one's apps go.
    """
    timeouts = Timeouts.parse(timeout_factor or ())
    options = work.run("delete", timeouts)
    meant = Operation(Kind.DELETE, Consents(volumes=frozenset(delete_volumes or ())))
    with reported(options.reports) as report, opened(
        run_file(), clusterfile, work.access(), work.gate(),
        parallel=work.parallel, tell=say, alone=True, operation=meant,
    ) as session:  # fmt: skip
        if session.neighbours and not with_:
            delete_apps(session, options, report, yes=yes)
            return
        decided = session.removal(frozenset(with_ or ()))
        if not yes:
            _agree_to_delete(session)
        session.note_removal()
        with running(session, options, noted=False, begun=report) as run:
            run.carry_out(decided)
    run.finish(nodes=False)


@app.command()
@spread
def facts(
    *,
    clusterfile: Clusterfile,
    hosts: HostOptions,
    as_json: AsJson = False,
) -> None:
    """Show what the hosts are, and change nothing."""
    with opened(
        run_file(), clusterfile, hosts.access(), hosts.gate(), parallel=hosts.parallel, tell=say
    ) as session:
        found = session.facts
    put(sys.stdout, f"{show.facts_json(found) if as_json else show.facts_text(found)}\n")


@app.command("verify-sig", hidden=True)
def verify_sig(*, trust: opt.Trust = None, base: opt.Bases = None) -> None:  # noqa: ARG001  (for the shell head)
    """Verify every byte, and judge the signature as every command does that touches the site."""
    with Bundle.open(run_file()) as bundle:
        verdict = opt.gate(trust).judge(bundle)
        bundle.check()
    release = verdict.release
    put(sys.stdout, f"{release.name} {release.version}: every byte is as it was sealed\n")
    put(sys.stdout, f"signed by {', '.join(dict.fromkeys((verdict.who, release.key)))}\n")


def _plan_text(session: Session, plan: Plan, clusterfile: Path, *, verbose: bool) -> str:
    if verbose:
        return show.plan_text(plan)
    verdict = session.verdict
    signer = verdict.who or verdict.release.key if verdict.is_signed else ""
    view = plan_view.View(
        plan, session.site, session.facts, session.bundle.index, signer, tuple(session.lost)
    )
    again = shlex.join((called(), "-f", str(clusterfile), *consent_words(session.operation.consents)))
    shown = plan_view.as_text(view, again)
    known = any(not view.is_new(address) for address in session.facts.hosts)
    reasons = decision_view.lines(plan.decision) if plan.decision and known else ()
    return "\n".join([shown, *reasons])


def _agree_to_delete(session: Session) -> None:
    where = counted(len(session.site.hosts))
    agree(
        f"Delete the cluster {session.site.name} on {where}, with all its data?",
        command="delete",
        before="it deletes",
        undone="nothing was deleted",
        answer="delete it",
    )


register_content(app)
register_hosts(app)
register_schema(app)
register_status(app)
register_day_after(app)
register_snapshots(app)
register_restore(app)
register_certs(app)
register_collect(app)
register_readdress(app)
register_checks(app)
register_rehearsal(app)
register_explain(app)
register_rollback(app)
register_prune(app)
