"""What reaches the terminal, and what happens when it is gone."""

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli.live_progress import LiveProgress
from bundler.installer.cli.progress import PlainProgress, view
from bundler.installer.cli.reports import Reports, reported
from bundler.installer.operations.carrying import check_lost
from bundler.installer.plan.cluster.operation import Consents, Operation
from bundler.installer.plan.duration import work
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.events import RunStarted, StepFinished, StepOutput, StepStarted, Waiting, tee
from bundler.installer.run.execute import execute
from bundler.installer.run.logfile import LogFile
from bundler.installer.site.model import Site
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import MemoryTransport
from tests.unit.installer.plan import kit
from tests.unit.installer.run.test_execute import NoSource

EVIL = "\x1b]0;pwned\x07 [red]\x9b2J[/]"
STEP = Exec(id="host/h/x", host="h", phase=Phase.HOST, reason=f"because {EVIL}", script="x")


@pytest.mark.parametrize("bars", [False, True])
def test_no_escape_of_a_host_reaches_the_terminal_raw(*, bars: bool) -> None:
    stream = io.StringIO()
    shown = LiveProgress(stream) if bars else PlainProgress(stream, detail=True)
    with shown as sink:
        sink(RunStarted(f"title {EVIL}", 1, 0, 0, work((STEP,))))
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
        with LiveProgress(stream) if bars else PlainProgress(stream, detail=True) as shown:
            execute(Plan("t", steps), {"h": host}, StepContext(NoSource(), "", Captures()), tee(log, shown))
    log.close()
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert (events.count("done"), events[-1]) == (20, "end")


def test_a_closed_stream_is_no_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with view(detail=True) as sink:
        sink(StepStarted(STEP))


def test_waits_of_many_hosts_are_one_line() -> None:
    joins = [
        Exec(
            id=f"workers/10.0.0.{n}/join",
            host=f"10.0.0.{n}",
            phase=Phase.WORKERS,
            reason="it joins",
            script="x",
        )
        for n in (21, 22, 23)
    ]
    stream = io.StringIO()
    with PlainProgress(stream, detail=False, clock=lambda: 0.0) as sink:
        sink(Waiting(tuple((step, 30.0 + step.host.endswith("3"), "no pod network yet") for step in joins)))
    assert stream.getvalue().split(" ", 1)[1] == (
        "waiting  workers: 10.0.0.21-23 (3) join for 31 s, limit 2 min: no pod network yet\n"
    )


def test_a_failed_run_writes_its_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    def fail() -> None:
        with reported(Reports(path, tmp_path / "report.html"), Site("s", ())) as report:
            report.title = "t"
            raise BundlerError("it broke", code=ExitCode.STEP)

    with pytest.raises(BundlerError, match="it broke"):
        fail()
    told = json.loads(path.read_text())
    assert (told["title"], told["error"]) == ("t", "it broke")
    assert "it broke" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (ValueError("odd"), "odd"),
        (SystemExit(), "SystemExit"),
        (BundlerError("no ssh connection", code=ExitCode.HOST), "no ssh connection"),
    ],
)
def test_a_run_that_ends_in_any_way_writes_its_report(
    tmp_path: Path, ended: BaseException, told: str
) -> None:
    def fail() -> None:
        with reported(Reports(tmp_path / "r.json", tmp_path / "r.html")):  # no host was reached yet
            raise ended

    with pytest.raises(type(ended)):
        fail()
    read = json.loads((tmp_path / "r.json").read_text())
    assert (read["ok"], read["error"]) == (False, told)
    assert (tmp_path / "r.html").stat().st_size


def test_a_report_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    report = reported(Reports(tmp_path / "no" / "r.json"))
    with pytest.raises(BundlerError, match="the report can't be written") as caught, report:
        pytest.fail("it has begun")
    assert caught.value.code is ExitCode.INPUT


def test_a_full_disk_under_the_log_ends_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    log = LogFile.open(Path("/dev/full"), frozenset)
    log.note(event="x", text="y" * 100_000)
    log.note(event="z")
    log.close()
    assert capsys.readouterr().err == (
        "/dev/full: the log ends here: No space left on device; the run goes on without it\n"
    )


def test_hosts_that_were_left_out_end_with_17() -> None:
    lost = {"10.0.0.3": BundlerError("no ssh connection", code=ExitCode.HOST, where="root@10.0.0.3")}
    session = SimpleNamespace(
        lost=lost,
        site=kit.site(workers=1),
        transports={"10.0.0.2": None},
        bundle=SimpleNamespace(index=kit.index()),
        access=SimpleNamespace(max_failed=1),
        operation=Operation(),
    )
    with pytest.raises(BundlerError) as caught:
        check_lost(session)  # type: ignore[arg-type]  # what it reads of a session
    assert caught.value.code == 17
    assert "demo 1 runs on 1 of 2 hosts; 1 host failed (--max-failed 1)" in str(caught.value)
    assert "root@10.0.0.3: no ssh connection" in str(caught.value)
    session.operation = Operation(consents=Consents(skipped=frozenset({"10.0.0.3"})))
    with pytest.raises(BundlerError, match="; 1 host stayed as it was") as caught:
        check_lost(session)  # type: ignore[arg-type]  # as above
    assert caught.value.code == 17
