"""The scripts of the four kinds of step, run by a real shell in a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import journal
from bundler.installer.facts.observed import JournalEntry
from bundler.installer.plan.inputs import inputs_of
from bundler.installer.plan.steps import Await, Deliver, Delivery, Exec, Phase, Step, Write
from bundler.installer.run.actions import Captures, Desk, perform
from tests.unit.installer.fakes import prelude, private_transport


class Contents:
    """Deliveries out of a dict; implements `Source`."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        data = self._contents[delivery.member]
        return Digest.of(data), len(data)

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        yield self._contents[delivery.member]


class Bench:
    """A host that is a folder; state stands for /var/lib/bundler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.captures = Captures()
        self.lines: list[str] = []
        self.sent: list[int] = []

    def do(self, step: Step, contents: dict[str, bytes] | None = None) -> None:
        desk = Desk(Contents(contents or {}), prelude(self.folder), self.captures)
        transport = private_transport("h")
        try:
            perform(step, transport, desk, on_bytes=self.sent.append, on_line=self.lines.append)
        finally:
            transport.close()

    def fails(self, step: Step) -> BundlerError:
        with pytest.raises(BundlerError) as caught:
            self.do(step)
        return caught.value

    @property
    def noted(self) -> dict[str, str]:
        file = self.state / "journal"
        return dict(journal.parse(file.read_text())) if file.exists() else {}

    @property
    def ledger(self) -> list[str]:
        file = self.state / "ledger"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr(journal, "STATE", str(made.state))
    monkeypatch.setattr(journal, "JOURNAL", str(made.state / "journal"))
    monkeypatch.setattr(journal, "CONTENTS", str(made.state / "contents"))
    return made


def script(text: str, **more: object) -> Exec:
    return Exec(id="s", host="h", phase=Phase.HOST, reason="r", script=text, **more)  # type: ignore[arg-type]  # fields by name


def test_exec_is_noted_with_its_inputs(bench: Bench) -> None:
    step = script("set -e\ncat\ntrue", stdin="from stdin\n")
    bench.do(step)
    assert bench.lines == ["from stdin"]
    assert bench.noted == {"s": JournalEntry(inputs_of(step), 1)}


@pytest.mark.parametrize("text", ["set -e\nfalse\ntrue", "exit 4", "(", "set -eu\n: $nothing_is_set_here"])
def test_failed_exec_is_not_noted(bench: Bench, text: str) -> None:
    assert bench.fails(script(text)).code is ExitCode.STEP
    assert bench.noted == {}


def test_error_has_the_last_lines(bench: Bench) -> None:
    error = bench.fails(script("seq 1 100; echo why >&2; exit 9"))
    lines = [line.strip() for line in error.why.splitlines()]
    assert lines == [*(str(n) for n in range(82, 101)), "why"]
    assert "status 9" in error.what


@pytest.mark.parametrize(
    "step",
    [script("true", volatile=True), Exec(id="s", host="h", phase=Phase.REMOVE, reason="r", script="true")],
)
def test_volatile_and_removing_steps_are_not_noted(bench: Bench, step: Exec) -> None:
    bench.do(step)
    assert not bench.state.exists()


def test_capture_fills_slots(bench: Bench) -> None:
    path = bench.folder / "deep" / "file"
    write = Write(
        id="w",
        host="h",
        phase=Phase.HOST,
        reason="r",
        path=str(path),
        content="a @@token@@ b @@other@@",
        mode=0o600,
        slots=("token",),
    )
    assert bench.fails(write).code is ExitCode.BUG
    bench.do(script("echo ' abc.def '", capture="token"))
    bench.do(write)
    assert path.read_text() == "a abc.def b @@other@@"
    assert path.stat().st_mode & 0o777 == 0o600
    assert bench.captures.values() == {"abc.def"}
    assert bench.lines == []  # captured output is never passed on


def write_step(bench: Bench, content: str, mode: int = 0o644) -> Write:
    path = str(bench.folder / "it's a file")
    return Write(id="w", host="h", phase=Phase.HOST, reason="r", path=path, content=content, mode=mode)


def test_write_saves_what_it_replaces(bench: Bench) -> None:
    path = bench.folder / "it's a file"
    path.write_text("old")
    bench.do(write_step(bench, "new", 0o755))
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o755)
    (line,) = bench.ledger
    assert Path(line.split("\t")[2]).read_text() == "old"
    bench.do(write_step(bench, "newer"))
    assert bench.ledger == [line]
    assert [each.name for each in bench.folder.iterdir() if "bundler-new" in each.name] == []


def test_write_leaves_what_is_right(bench: Bench) -> None:
    path = bench.folder / "it's a file"
    path.write_text("same")
    before = path.stat().st_ino
    bench.do(write_step(bench, "same"))
    assert path.stat().st_ino == before
    assert bench.ledger == []


def wait_for(text: str, *, deadline: float, diagnose: str = "") -> Await:
    return Await(
        id="a",
        host="h",
        phase=Phase.HOST,
        reason="r",
        script=text,
        subject="the thing",
        deadline=deadline,
        interval=0.1,
        diagnose=diagnose,
    )


def test_await_tries_until_it_is_true(bench: Bench) -> None:
    count = bench.folder / "count"
    bench.do(wait_for(f"set -e\necho x >>'{count}'\ntest $(wc -l <'{count}') -ge 3", deadline=20))
    assert count.read_text() == "x\n" * 3
    assert "a" in bench.noted


def test_await_gives_up_with_its_diagnosis(bench: Bench) -> None:
    # `set -e` must hold inside: the script fails at `false` and never reaches `true`
    error = bench.fails(wait_for("set -e\necho trying\nfalse\ntrue", deadline=1, diagnose="echo see there"))
    assert error.code is ExitCode.NOT_READY
    assert "the thing" in error.what
    assert [line.strip() for line in error.why.splitlines()] == ["trying", "see there"]
    assert bench.noted == {}


def test_await_ends_an_attempt_that_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.installer.run.actions._ATTEMPT", 0.5)
    assert bench.fails(wait_for("sleep 60", deadline=1)).code is ExitCode.NOT_READY


def test_deliver_puts_files_in_place(bench: Bench) -> None:
    contents = {"m/a": b"a" * 5, "m/b": b""}
    files = tuple(Delivery(name, f"{bench.folder}/to/{name[-1]}", 0o750) for name in contents)
    step = Deliver(id="d", host="h", phase=Phase.DISTRIBUTE, reason="r", files=files)
    bench.do(step, contents)
    assert (bench.folder / "to" / "a").read_bytes() == b"a" * 5
    assert (bench.folder / "to" / "b").stat().st_mode & 0o777 == 0o750
    assert sum(bench.sent) == 5
    assert bench.noted == {"d": JournalEntry(inputs_of(step), 1)}
