"""`rehearse`: everything that an install would do, against the file's contents, with no host."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import typer

from bundler.core.errors import ExitCode
from bundler.core.terminal import show as put
from bundler.core.words import counted
from bundler.installer.cli import options as opt
from bundler.installer.cli import plan_view, show
from bundler.installer.cli.site_options import AllSteps, AsJson, Clusterfile
from bundler.installer.cli.typer_app import called, run_file
from bundler.installer.operations.rehearse import Rehearsal, rehearsal
from bundler.installer.operations.speaking import say
from bundler.installer.plan.rehearsal import Rehearsed
from bundler.installer.site.ranges import hosts


def rehearse_command(
    *,
    clusterfile: Clusterfile,
    base: opt.Bases = None,
    trust: opt.Trust = None,
    allow_unsigned: opt.AllowUnsigned = False,
    verbose: AllSteps = False,
    as_json: AsJson = False,
) -> None:
    """Go through a whole install without a host: its plan against what this file holds."""
    gate = opt.gate(trust, unsigned=allow_unsigned, new_key=False)
    found = rehearsal(run_file(), clusterfile, gate, bases=base or (), tell=say)
    again = f"{called()} check -f {clusterfile}"
    text = json.dumps(_data(found), indent=2) if as_json else "\n".join(_lines(found, again, verbose=verbose))
    put(sys.stdout, f"{text}\n")
    if found.failed:
        raise typer.Exit(ExitCode.PREFLIGHT)


def _lines(found: Rehearsal, again: str, *, verbose: bool) -> Iterator[str]:
    index = found.index
    product = f"{index.name} {index.version} with Kubernetes {index.kubernetes}"
    yield f"{found.site.name}: rehearsed the install of {product} on {hosts(len(found.site.hosts))};"
    yield "no host was asked."
    for run in found.runs:
        yield ""
        yield f"Assumed: {run.assumed}"
        yield from _run(found, run, verbose=verbose)
    yield ""
    if found.failed:
        yield f"Exit code {int(ExitCode.PREFLIGHT)} ({ExitCode.PREFLIGHT.name})"
    else:
        yield f"The file holds all that this site needs. Whether the hosts are fit: {again}"


def _run(found: Rehearsal, run: Rehearsed, *, verbose: bool) -> Iterator[str]:
    plan = run.plan
    if verbose and plan.steps:
        yield show.plan_text(plan)
    elif plan.steps:
        yield from plan_view.deeds(plan_view.View(plan, found.site, run.facts, found.index))
    stages, total = counted(len(run.plans), "stage"), counted(len(plan.steps), "step")
    yield f"Steps     {total} in {stages}{'' if verbose else ' (-v)'}"
    for problem in run.problems:
        hint = f"; {problem.hint}" if problem.hint else ""
        yield f"✗ {problem.rule}  {problem.location.file}: {problem.message}{hint}"


def _data(found: Rehearsal) -> dict[str, Any]:
    return {
        "schema": 1,
        "site": found.site.name,
        "exit_code": int(ExitCode.PREFLIGHT if found.failed else ExitCode.OK),
        "runs": [_run_data(run) for run in found.runs],
    }


def _run_data(run: Rehearsed) -> dict[str, Any]:
    return {
        "platform": run.platform,
        "suite": run.suite,
        "assumed": run.assumed,
        "stages": [show.plan_data(plan) for plan in run.plans],
        "problems": [
            {"rule": each.rule, "where": each.location.file, "message": each.message, "fix": each.hint}
            for each in run.problems
        ],
    }


def register(app: typer.Typer) -> None:
    """Add it."""
    app.command("rehearse")(rehearse_command)
