"""The commands of the day after: where a pass phrase comes from, and what each needs to be told."""

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import pyrage
import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli import day_after_commands, restore_commands, snapshot_commands
from bundler.installer.cli.main import main
from bundler.installer.cli.operation_run import RunOptions
from bundler.installer.cli.reports import Reports
from bundler.installer.facts.journal import RUNS
from bundler.installer.operations.held_site import HeldSite
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.hostlock import Claim
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.snapshot.age import PassPhrase
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import Answer, MemoryTransport
from tests.unit.installer.plan import kit as planning
from tests.unit.installer.snapshot import kit


@pytest.mark.parametrize("command", ["maintenance", "shutdown", "start", "snapshot", "restore"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == ExitCode.OK
    assert "--clusterfile" in capsys.readouterr().out


def test_a_pass_phrase_is_the_first_line_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "phrase").write_bytes(b"correct horse\r\nnot this\n")
    assert snapshot_commands.pass_phrase(tmp_path / "phrase") == PassPhrase(b"correct horse")
    (tmp_path / "empty").write_bytes(b"\n")
    with pytest.raises(BundlerError, match="empty") as caught:
        snapshot_commands.pass_phrase(tmp_path / "empty")
    assert caught.value.code is ExitCode.INPUT
    monkeypatch.setenv(snapshot_commands.VARIABLE, "from here")
    assert snapshot_commands.pass_phrase(None) == PassPhrase(b"from here")


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(snapshot_commands.VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(BundlerError, match="no terminal") as caught:
        snapshot_commands.pass_phrase(None, twice=True)
    assert caught.value.code is ExitCode.USAGE
    assert "--recipient" in caught.value.fix


def test_no_pass_phrase_shows_in_a_repr() -> None:
    assert "horse" not in repr(PassPhrase(b"correct horse"))


def test_a_key_opens_what_was_written_to_it_and_a_plain_file_needs_none(tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"# a comment\n{key}\n")
    kit.write(tmp_path / "x.snapshot", snapshot_commands._readers([str(key.to_public())], None))
    assert restore_commands._opener(tmp_path / "x.snapshot", tmp_path / "key", None)
    kit.plain(tmp_path / "x.tar")
    assert restore_commands._opener(tmp_path / "x.tar", None, None) is None
    (tmp_path / "none").write_text("# nothing\n")
    with pytest.raises(BundlerError, match="has no key"):
        restore_commands._opener(tmp_path / "x.snapshot", tmp_path / "none", None)


def test_recipients_and_a_pass_phrase_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        snapshot_commands._readers(["age1x"], tmp_path)
    assert caught.value.code is ExitCode.USAGE


def test_the_file_is_read_before_any_host_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"no snapshot at all" * 100)
    (tmp_path / "p").write_text("phrase\n")
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(tmp_path / "none.run"))
    words = [
        "restore",
        "-f",
        "none.yaml",
        "--from",
        str(tmp_path / "x"),
        "--passphrase-file",
        str(tmp_path / "p"),
    ]
    assert main(words) == ExitCode.INPUT
    assert "the file is no snapshot" in capsys.readouterr().err


def _held(answer: Answer) -> HeldSite:
    site = planning.site(1, control_planes=2)
    there = {host.address: MemoryTransport(host.address, answer) for host in site.hosts}
    bundle = SimpleNamespace(index=planning.index())
    context = StepContext(None, "", Captures(), Timeouts())  # type: ignore[arg-type]  # no step delivers
    claim = Claim("token", "ops@deploy1, process 7")
    facts = planning.facts(site)
    return HeldSite(site, facts, there, bundle, claim, 4, context, lambda: frozenset({"hunter22"}))  # type: ignore[arg-type]  # what is read of a bundle


@pytest.mark.parametrize("command", ["maintenance", "shutdown", "start"])
@pytest.mark.parametrize("status", [0, 1])
def test_the_day_after_is_in_the_history_and_the_reports(command: str, status: int, tmp_path: Path) -> None:
    noted: list[str] = []

    def answer(script: str, stdin: bytes) -> Outcome:
        if RUNS in script:
            noted.append(stdin.decode())
            return Outcome(0, "", "")
        return Outcome(status, "", "hunter22 stands in the way")

    held = _held(answer)
    step = Exec(
        id="remove/10.0.0.4/x",
        host="10.0.0.4",
        phase=Phase.REMOVE,
        reason="r",
        script="true",
        always_run=True,
    )
    reports = Reports(tmp_path / "r.json", tmp_path / "r.html")
    made = Plan("a title", (step,))
    options = RunOptions(command, 4, tmp_path / "log", reports=reports)
    with pytest.raises(BundlerError) if status else contextlib.nullcontext():
        day_after_commands._do(held, made, "it ended", options, show=False)
    lines = [json.loads(line) for line in noted]
    assert [each["operation"] for each in lines] == [command] * 2  # on both control planes
    assert {each["result"] for each in lines} == {"failed" if status else "done"}
    assert {(each["product"], each["by"]) for each in lines} == {("demo", "ops@deploy1")}
    assert "hunter22" not in "".join(noted)
    told = json.loads((tmp_path / "r.json").read_text())
    assert (told["title"], told["ok"]) == ("a title", not status)
    assert "a title" in (tmp_path / "r.html").read_text()


def test_a_plan_that_is_only_shown_leaves_no_line(tmp_path: Path) -> None:
    held = _held(lambda script, _stdin: pytest.fail(f"asked: {script}"))
    for show in (True, False):  # with nothing to do, too
        day_after_commands._do(held, Plan("t", ()), "x", RunOptions("start"), show=show)
    assert not list(tmp_path.iterdir())
