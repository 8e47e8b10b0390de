"""The scripts of the four kinds of step, run by a real shell in a folder of the test's own."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import journal
from bundler.installer.facts.observed import JournalEntry
from bundler.installer.plan.inputs import inputs_of
from bundler.installer.plan.steps import Await, Deliver, Delivery, Exec, Phase, Step, Write
from bundler.installer.run.actions import Captures, StepContext, perform
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.transport import local
from tests.kits.deliveries import Contents
from tests.kits.transports import prelude, private_transport


class Bench:
    """A host that is a folder; state stands for /var/lib/bundler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.captures = Captures()
        self.lines: list[str] = []
        self.sent: list[int] = []
        self.timeouts = Timeouts()

    def do(self, step: Step, contents: dict[str, bytes] | None = None) -> None:
        context = StepContext(Contents(contents or {}), prelude(self.folder), self.captures, self.timeouts)
        transport = private_transport("h")
        try:
            perform(step, transport, context, on_bytes=self.sent.append, on_line=self.lines.append)
        finally:
            transport.close()

    def fails(self, step: Step) -> BundlerError:
        with pytest.raises(BundlerError) as caught:
            self.do(step)
        return caught.value

    @property
    def noted(self) -> dict[str, JournalEntry]:
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
    [script("true", always_run=True), Exec(id="s", host="h", phase=Phase.REMOVE, reason="r", script="true")],
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


@pytest.mark.parametrize("said", ["a b", "a\\nclusters: []", "\\033[2J", "$(x)", ""])
def test_what_is_captured_is_one_word(bench: Bench, said: str) -> None:
    """It goes into files of other hosts; no host writes lines into those."""
    error = bench.fails(script(f"printf '{said}'", capture="token"))
    assert (error.code, bench.captures.values()) == (ExitCode.STEP, frozenset())


PEM = "-----BEGIN CERTIFICATE-----\\nTUlJQg==\\n-----END CERTIFICATE-----"


@pytest.mark.parametrize("more", ["", "\\nclusters: []", "\\n" + PEM])
def test_one_certificate_is_captured_as_it_stands_in_files(bench: Bench, more: str) -> None:
    step = script(f"printf -- '{PEM}{more}\\n'", capture="ca-file")
    if more:
        assert bench.fails(step).code is ExitCode.STEP
    else:
        bench.do(step)
        assert bench.captures.values() == {PEM.replace("\\n", "\n")}


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


def test_waiting_tells_what_it_waits_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.installer.run.actions._TELL_EVERY", 1)
    wait = Await(
        id="a",
        host="h",
        phase=Phase.APPS,
        reason="r",
        script="echo not Ready: w06; false",
        subject="x",
        deadline=3,
    )
    assert bench.fails(wait).code is ExitCode.NOT_READY
    assert bench.lines[:2] == ["not Ready: w06", "not Ready: w06"]


def test_a_script_that_waits_by_itself_is_late_not_wrong(bench: Bench) -> None:
    error = bench.fails(script("echo pod default/web: 0/1 ready >&2; exit 75"))
    assert (error.code, error.why) == (ExitCode.NOT_READY, "pod default/web: 0/1 ready")


def test_what_waits_for_all_hosts_is_not_done_while_some_are_left_out(bench: Bench) -> None:
    wait = Await(id="a", host="h", phase=Phase.APPS, reason="r", script="true", subject="x", deadline=3)
    context = StepContext(Contents({}), f"bundler_lost=w1\n{prelude(bench.folder)}", bench.captures)
    transport = private_transport("h")
    perform(wait, transport, context, on_bytes=bench.sent.append, on_line=bench.lines.append)
    transport.close()
    assert bench.noted == {}


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """df says what it says of a host whose /var is full and whose / is not."""
    head = "Filesystem 1024-blocks Used Available Capacity Mounted"
    rows = ("/dev/a 20000000 9000000 11000000 45% /", "/dev/b 40000000 39997952 2048 100% /var")
    df = tmp_path / "bin/df"
    df.parent.mkdir()
    df.write_text(
        "#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in (head, *rows, rows[1])), encoding="utf-8"
    )
    df.chmod(0o755)
    monkeypatch.setattr(local, "_PATH", f"{df.parent}:{local._PATH}")


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    "step",
    [
        script("echo confusing >&2; exit 9"),
        script("sleep 30", timeout=0.2),
        Await(id="s", host="h", phase=Phase.HOST, reason="r", script="false", subject="x", deadline=0.1),
        Write(id="s", host="h", phase=Phase.HOST, reason="r", path="/proc/nothing/here", content="c"),
    ],
)
def test_a_step_that_fails_on_a_full_disk_says_so(bench: Bench, step: Step) -> None:
    error = bench.fails(step)
    assert error.code is ExitCode.SPACE
    assert error.what == "a step failed, and the disk is full: no space left on /var: 2 MiB free"
    assert bench.noted == {}


def test_a_program_that_says_that_the_disk_is_full_is_believed(bench: Bench) -> None:
    error = bench.fails(script("echo 'head: error writing: No space left on device' >&2; exit 1"))
    assert error.code is ExitCode.SPACE
    assert "head: error writing" in error.why


@pytest.mark.parametrize(
    ("said", "code", "what"),
    [
        ("cp: cannot create regular file '/x': Disk quota exceeded", ExitCode.SPACE, "Disk quota exceeded"),
        ("mkdir: cannot create directory '/var/x': No space left on device", ExitCode.SPACE, "disk is full"),
        ("ctr: rpc error: write /var/lib/x: no space left on device", ExitCode.SPACE, "disk is full"),
        ("touch: cannot touch '/var/x': Read-only file system", ExitCode.STEP, "is mounted read-only"),
        ("open /etc/cni/net.d: read-only file system", ExitCode.STEP, "is mounted read-only"),
    ],
)
def test_what_a_disk_refuses_is_told_by_what_programs_say(
    bench: Bench, said: str, code: ExitCode, what: str
) -> None:
    error = bench.fails(script(f"echo {shlex.quote(said)} >&2; echo 'Error: exit 1' >&2; exit 1"))
    assert (error.code, what in error.what, said in error.why) == (code, True, True)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    "step",
    [
        script("exit 1"),
        Await(id="s", host="h", phase=Phase.HOST, reason="r", script="true", subject="x", deadline=9),
        Write(id="s", host="h", phase=Phase.HOST, reason="r", path="@/file", content="c"),
        Deliver(id="s", host="h", phase=Phase.HOST, reason="r", files=(Delivery("m", "@/file", 0o644),)),
    ],
)
def test_a_journal_that_takes_nothing_is_a_full_disk(
    bench: Bench, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNAL", "/dev/full")  # a shell says "I/O error" of it
    match step:
        case Write():
            step = replace(step, path=f"{bench.folder}/file")
        case Deliver():
            step = replace(step, files=(Delivery("m", f"{bench.folder}/file", 0o644),))
    with pytest.raises(BundlerError) as caught:
        bench.do(step, {"m": b"x"})
    assert caught.value.code is ExitCode.SPACE
    assert "no space left on /var: 2 MiB free" in caught.value.what


def test_a_pods_own_full_disk_is_not_the_hosts(bench: Bench) -> None:
    error = bench.fails(script("echo 'pod db-0: write /data/x: no space left on device' >&2; exit 75"))
    assert error.code is ExitCode.NOT_READY


def test_a_command_that_says_nothing_holds_no_secret(bench: Bench) -> None:
    assert "it said nothing" in bench.fails(script("exit 1")).why
    assert "withheld" in bench.fails(script("exit 1", secret=True)).why


def test_no_line_of_a_step_is_setsids(bench: Bench) -> None:
    bench.fails(script("echo first; kill -KILL $$"))
    assert bench.lines == ["first"]


def test_programs_speak_english_whatever_the_hosts_language_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "environment", lambda: {"PATH": local._PATH, "LANG": "de_DE.UTF-8"})
    bench.do(script('echo "$LC_ALL"'))
    assert bench.lines == ["C.UTF-8"]


def test_a_script_that_a_signal_ended_does_not_end_in_words_of_setsid(bench: Bench) -> None:
    error = bench.fails(script("echo the last word >&2; kill -KILL $$"))
    assert error.why.splitlines()[-1].strip() == "the last word"


@pytest.mark.parametrize(("given", "ends"), [(["0.1"], True), (["0.1", "host=10"], False)])
def test_limits_can_be_stretched_for_all_phases_or_one(bench: Bench, given: list[str], *, ends: bool) -> None:
    bench.timeouts = Timeouts.parse(given)
    step = script("sleep 0.5", timeout=1.0)
    if ends:
        assert "took longer than 0.1 s" in bench.fails(step).what
    else:
        bench.do(step)
        assert bench.noted == {
            "s": JournalEntry(inputs_of(step), 1)
        }  # the limit that was given is no other step


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            (text, "is no number from 0.1 to 100")
            for text in ("0", "-1", "0.09", "101", "1e9", "nan", "inf", "")
        ),
        ("x", "is no number"),
        ("apps=", "is no number"),
        ("=2", "there is no phase ''"),
        ("hots=2", "there is no phase 'hots'"),
    ],
)
def test_a_factor_that_is_none(given: str, message: str) -> None:
    with pytest.raises(BundlerError, match=message) as caught:
        Timeouts.parse([given])
    assert caught.value.code is ExitCode.USAGE
