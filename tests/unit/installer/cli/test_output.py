"""What reaches the terminal, and what happens when it is gone."""

import io
import json
import os
from pathlib import Path

import pytest

from bundler.installer.cli.progress import BarProgress, PlainProgress, view
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.run.actions import Captures, Desk
from bundler.installer.run.events import RunStarted, StepFinished, StepOutput, StepStarted, tee
from bundler.installer.run.execute import execute
from bundler.installer.run.logfile import LogFile
from bundler.installer.transport.protocol import Outcome
from tests.unit.installer.fakes import MemoryTransport
from tests.unit.installer.run.test_execute import NoSource

EVIL = "\x1b]0;pwned\x07 [red]\x9b2J[/]"
STEP = Exec(id="host/h/x", host="h", phase=Phase.HOST, reason=f"because {EVIL}", script="x")


@pytest.mark.parametrize("bars", [False, True])
def test_no_escape_of_a_host_reaches_the_terminal_raw(*, bars: bool) -> None:
    stream = io.StringIO()
    shown = BarProgress(stream) if bars else PlainProgress(stream, detail=True)
    with shown as sink:
        sink(RunStarted(f"title {EVIL}", 1, 0, 0))
        sink(StepStarted(STEP))
        sink(StepOutput(STEP, EVIL))
        sink(StepFinished(STEP, 1.0))
    said = stream.getvalue()
    assert "\x1b]0" not in said
    assert "\x07" not in said
    assert "\x9b" not in said
    assert "[red]" in said  # neither is it markup


def test_the_log_can_be_shown_by_any_terminal(tmp_path: Path) -> None:
    log = LogFile.open(tmp_path / "log", frozenset)
    log(StepOutput(STEP, f"{EVIL} \u202e \udc80"))
    log.close()
    text = (tmp_path / "log").read_text()
    assert text.isascii()
    assert json.loads(text)["line"] == f"{EVIL} \u202e \udc80"


@pytest.mark.parametrize("bars", [False, True])
def test_a_run_goes_on_with_the_log_alone_when_nobody_reads(tmp_path: Path, *, bars: bool) -> None:
    """As with `| head`: what is shown ends, what is done doesn't."""
    there, here = os.pipe()
    steps = tuple(
        Exec(id=f"host/h/{number}", host="h", phase=Phase.HOST, reason="r", script="x")
        for number in range(20)
    )
    host = MemoryTransport("h", lambda _script, _stdin: Outcome(0, "said\n", ""))
    log = LogFile.open(tmp_path / "log", frozenset)
    with os.fdopen(here, "w") as stream:
        os.close(there)
        with BarProgress(stream) if bars else PlainProgress(stream, detail=True) as shown:
            execute(Plan("t", steps), {"h": host}, Desk(NoSource(), "", Captures()), tee(log, shown))
    log.close()
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert (events.count("done"), events[-1]) == (20, "end")


def test_a_closed_stream_is_no_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with view(detail=True) as sink:
        sink(StepStarted(STEP))
