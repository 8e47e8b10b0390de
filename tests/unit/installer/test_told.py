"""What the user is told: log, report, progress, plans and facts; and passwords that are found for us."""

import base64
import io
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli import show
from bundler.installer.cli.board import Board, at_work
from bundler.installer.cli.live_progress import LiveProgress
from bundler.installer.cli.progress import PlainProgress
from bundler.installer.facts import journal
from bundler.installer.facts.observed import JournalEntry
from bundler.installer.operations.hidden import site_secrets
from bundler.installer.plan.duration import work
from bundler.installer.plan.registry_login import login_of
from bundler.installer.plan.site_pki import renew
from bundler.installer.plan.steps import Await, Deliver, Delivery, Done, Exec, Phase, Plan, Step, Write
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepOutput,
    StepProgress,
    StepStarted,
    Waiting,
    tee,
)
from bundler.installer.run.logfile import LogFile
from bundler.installer.run.redaction import disguises, of_variables, redact, redacting
from bundler.installer.run.report import Report
from bundler.installer.site.model import (
    Host,
    Login,
    PasswordEnv,
    PasswordFile,
    PasswordSource,
    Role,
    Secret,
    Site,
    SiteRegistry,
)
from bundler.installer.transport.connect import Access, password_of
from tests.unit.installer.plan import kit

COPY = Deliver(
    id="d", host="10.0.0.2", phase=Phase.DISTRIBUTE, reason="the runtime", files=(Delivery("m", "/x", 0o644),)
)
RUN = Exec(id="e", host="10.0.0.2", phase=Phase.HOST, reason="settings", script="x")
WAIT = Await(id="a", host="10.0.0.2", phase=Phase.APPS, reason="r", script="x", subject="web", deadline=5)
ERROR = BundlerError("it broke", code=ExitCode.STEP)
EVENTS: tuple[Event, ...] = (
    RunStarted("demo 1.0", 3, 1, 3 << 20, work((COPY, RUN, WAIT))),
    StepStarted(COPY),
    StepProgress(COPY, 1 << 20),
    StepFinished(COPY, 1.5),
    PhaseFinished(Phase.DISTRIBUTE, 1.5),
    StepStarted(RUN),
    StepOutput(RUN, 'token "s3cr\\et"'),
    StepFinished(RUN, 0.25),
    StepStarted(WAIT),
    StepFailed(WAIT, 5.0, ERROR),
    RunFinished(7.0, 1),
)
SITE = Site("s", (Host("10.0.0.2", frozenset({Role.CONTROL_PLANE, Role.WORKER})),))


def test_log_holds_everything_but_secrets(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = LogFile.open(path, lambda: frozenset({'s3cr\\et"', "line one\nline two"}))
    for event in EVENTS:
        log(event)
    log.note(event="error", error="has line two in it")
    log.close()
    assert path.stat().st_mode & 0o777 == 0o600
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["event"] for entry in entries] == [
        *("run", "start", "done", "phase", "start", "output", "done", "start", "failed", "end", "error")
    ]
    assert entries[5]["line"] == 'token "***'
    assert entries[-1]["error"] == "has *** in it"
    assert all(entry["time"].endswith("Z") for entry in entries)


def test_log_in_a_wrong_place(tmp_path: Path) -> None:
    with pytest.raises(BundlerError, match="log can't be written"):
        LogFile.open(tmp_path / "no" / "such" / "folder", frozenset)


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        ("a secret word", {"secret"}, "a *** word"),
        ("longer first", {"long", "longer"}, "*** first"),
        ("abc", {"a", ""}, "abc"),  # too short to be told from ordinary words
    ],
)
def test_redact(text: str, secrets: set[str], expected: str) -> None:
    assert redact(text, frozenset(secrets)) == expected


def test_a_secret_is_found_in_base64_too() -> None:
    secrets = frozenset(form for each in ("u:pass word", "hunter2") for form in disguises(each))
    header = base64.b64encode(b"u:pass word").decode()
    assert redact(f"Authorization: Basic {header}", secrets) == "Authorization: Basic ***"
    assert redact("data: aHVudGVyMg==, aHVudGVyMg", secrets) == "data: ***, ***"


def test_values_of_variables_may_be_secrets() -> None:
    variables = {"DB_PASSWORD": "abcd", "CODE": "long-value", "TZ": "Berlin", "A": "true", "N": "1234567"}
    variables |= {"PodCIDR": "100.64.0.0/10", "HOST": "10.0.0.22", "SHORT": "abcde", "MODE": "production"}
    assert of_variables(variables) == {"abcd", "long-value", "Berlin"}


def test_no_secret_reaches_view_report_or_log(tmp_path: Path) -> None:
    report, shown = Report(SITE), io.StringIO()
    log = LogFile.open(tmp_path / "log", lambda: frozenset({"hunter2"}))
    error = BundlerError("hunter2", code=ExitCode.STEP, why="said hunter2", fix="hunter2")
    with PlainProgress(shown, detail=True) as view:
        sink = redacting(tee(log, report, view), lambda: frozenset({"hunter2"}))
        sink(StepOutput(RUN, "password hunter2"))
        sink(StepFailed(RUN, 1.0, error))
    log.close()
    assert "hunter2" not in shown.getvalue() + report.as_json() + (tmp_path / "log").read_text()
    assert error.what == "hunter2"  # whoever caught it has it as it was raised
    assert "password ***" in shown.getvalue()


def test_hidden_are_passwords_logins_and_variables(tmp_path: Path) -> None:
    login = Login(password=Secret("ssh-pass"), key_passphrase=Secret("phrase"))
    host = Host("10.0.0.2", frozenset({Role.CONTROL_PLANE}), login, {"DISK_KEY": "luks-key"})
    of = Site("s", (host,), {"API_TOKEN": "token-1"}, SiteRegistry(username="u", password=Secret("reg-pass")),
        app_envs={"web": {"DB": "postgres://u:p@db"}})  # fmt: skip
    hidden = site_secrets(of, Access(tmp_path, {}), None)
    login_in_base64 = base64.b64encode(b"u:reg-pass").decode()
    wanted = {"ssh-pass", "phrase", "luks-key", "token-1", "reg-pass", "postgres://u:p@db", login_in_base64}
    assert wanted <= hidden


def test_hidden_is_the_login_that_a_site_makes_for_itself(tmp_path: Path) -> None:
    of = Site("s", (Host("10.0.0.2", frozenset({Role.CONTROL_PLANE})),))
    keys = renew(found="", site=of, now=datetime.now(UTC))
    login = login_of(of.registry, keys.encryption_key)
    assert {login.password.reveal(), login.basic().removeprefix("Basic ")} <= site_secrets(
        of, Access(tmp_path, {}), keys
    )


def test_facts_tell_which_steps_are_done_and_no_digest() -> None:
    found = kit.facts(kit.site(), control_plane={"stamps": {"registry/10.0.0.2/htpasswd": "ab" * 32}})
    told = json.loads(show.facts_json(found))["hosts"]["10.0.0.2"]
    assert told["stamps"] == {"registry/10.0.0.2/htpasswd": True}
    assert "abab" not in json.dumps(told)


def test_report_tells_hosts_phases_and_what_is_left() -> None:
    report = Report(SITE, log="run.log")
    for event in EVENTS:
        report(event)
    report.nodes = "NAME STATUS\nnode-1 Ready\nnode-2 NotReady,SchedulingDisabled\n"
    report.following = "./demo.run status -f site.yaml"
    report.findings = [{"id": "x", "severity": "warning", "where": "10.0.0.2", "text": "swap is on"}]
    told = json.loads(report.as_json())
    assert (told["ok"], told["seconds"], told["left"], told["bytes"]) == (False, 7.0, 1, 3 << 20)
    assert told["phases"] == {"distribute": 1.5}
    assert [step["id"] for step in told["steps"]] == ["d", "e"]
    assert [(each["id"], each["host"], each["error"]) for each in told["failed"]] == [
        ("a", "10.0.0.2", "it broke")
    ]
    assert told["hosts"] == [{"address": "10.0.0.2", "roles": ["control-plane", "worker"]}]
    assert report.as_text().splitlines() == [
        "! demo 1.0; 1 of 2 nodes Ready",
        "Took     7.0 s",
        "Warning  10.0.0.2: swap is on",
        "Next     ./demo.run status -f site.yaml",
        "Log      run.log",
    ]


def test_the_end_of_a_run_names_its_phases_and_hosts_that_failed() -> None:
    report = Report(
        SITE, title="s: demo 1.0", seconds=232.4, phases={"distribute": 88.2, "control-plane": 41.0}
    )
    assert report.as_text().splitlines() == [
        "✓ s: demo 1.0",
        "Took     3 min 52 s: copy 88 s, control plane 41 s (phases overlap)",
    ]
    report.lost = {"10.0.0.34": "no space left", "10.0.0.33": "no space left"}
    assert report.as_text().splitlines()[0::2] == ["! s: demo 1.0", "Failed   10.0.0.33-34 (2)"]


NOON = datetime(2027, 3, 2, 12, 2, 11, tzinfo=timezone(timedelta(hours=1)))


def plain(
    stream: io.StringIO, clock: Callable[[], float] = lambda: 0.0, *, detail: bool = False
) -> PlainProgress:
    return PlainProgress(stream, detail=detail, clock=clock, now=lambda: NOON)


def test_plain_progress_has_a_line_for_each_phase() -> None:
    """Steps are for `-v`; what a phase came to is for everybody."""
    stream = io.StringIO()
    with plain(stream) as view:
        for event in EVENTS:
            view(event)
    assert stream.getvalue().splitlines() == [
        "2027-03-02 12:02:11 +01:00 demo 1.0, about 10 s, 3 MiB to copy",
        "12:02:11 ok       copy: 3 MiB, 10 MiB/s, 1.5 s",
        "12:02:11 failed   apps: 10.0.0.2 after 5.0 s: it broke",
    ]


def test_plain_progress_is_never_silent_for_long() -> None:
    """Every 15 s how far the copy and the hosts are."""
    moment = 0.0
    hosts = tuple(f"10.0.0.{number}" for number in (2, 3, 4))
    joins = tuple(replace(RUN, id=f"workers/{host}/join", host=host, phase=Phase.WORKERS) for host in hosts)
    copy = replace(COPY, files=())
    steps: tuple[Step, ...] = (copy, *joins)
    stream = io.StringIO()
    view = plain(stream, lambda: moment)
    view(RunStarted("demo 1.0", 4, 0, 400 << 20, work((copy, *joins))))
    for step in steps:
        view(StepStarted(step))
    for second in range(1, 19):
        moment = float(second)
        view(StepProgress(copy, 10 << 20))
    view(StepFinished(joins[0], 18.0))
    view(StepFinished(joins[1], 18.0))
    assert stream.getvalue().splitlines()[1:] == [
        "12:02:11 running  copy: 150 of 400 MiB, 10 MiB/s, 25 s left, 15 s",
        "12:02:11 running  workers: 1 of 3 hosts, 18 s",
    ]


def test_detail_shows_what_hosts_say() -> None:
    stream = io.StringIO()
    with plain(stream, detail=True) as view:
        view(StepStarted(RUN))
        view(StepOutput(RUN, "hello"))
        view(StepFinished(RUN, 0.25))
    assert stream.getvalue().splitlines() == [
        "12:02:11 step     10.0.0.2 host/e: settings …",
        "12:02:11 step     10.0.0.2 | hello",
        "12:02:11 step     10.0.0.2 host/e: settings: 0.2 s",
    ]


def test_a_terminal_gets_a_row_for_each_phase() -> None:
    stream = io.StringIO()
    with LiveProgress(stream, clock=lambda: 0.0) as view:
        for event in EVENTS:
            view(event)
    rows = [line.split() for line in stream.getvalue().splitlines()]
    assert rows[0] == ["demo", "1.0"]
    assert [(row[0], row[1]) for row in rows[1:4]] == [("✓", "copy"), ("→", "hosts"), ("✗", "apps")]


def test_a_row_names_what_takes_longest() -> None:
    moment = 0.0
    board = Board(lambda: moment)
    slow = replace(WAIT, id="network/10.0.0.2/ready", phase=Phase.NETWORK, subject="3 nodes to be Ready")
    board(RunStarted("demo 1.0", 2, 0, 0, work((slow, RUN))))
    board(StepStarted(slow))
    moment = 6.0
    board(StepStarted(RUN))
    board(Waiting(((slow, 6.0, "not Ready: node-3"),)))
    found = board.longest(Phase.NETWORK)
    assert found == (slow, 6.0)
    text = at_work(slow, slow.host, found[1], board.said[slow.id])
    assert text == "10.0.0.2 waiting 6.0 s for 3 nodes to be Ready, limit 5.0 s: not Ready: node-3"


def test_time_left_shrinks_with_every_step_and_byte() -> None:
    moment = 0.0
    board = Board(lambda: moment)
    board(RunStarted("demo 1.0", 3, 0, 800 << 20, work((COPY, RUN, replace(RUN, id="f")))))
    assert board.time_left == 10 + 8  # 800 MiB at the rate of a gigabit link, two steps of the phase host
    board(StepStarted(COPY))
    moment = 10.0
    board(StepProgress(COPY, 400 << 20))
    assert board.time_left == 10 + 8  # the link is half as fast
    board(StepFinished(RUN, 1.0))
    assert board.time_left == 10 + 4


def test_a_shown_plan_has_reasons_and_no_contents() -> None:
    write = Write(
        id="w", host="10.0.0.2", phase=Phase.HOST, reason="the key", path="/k", content="s3cret", secret=True
    )
    plan = Plan("demo", (COPY, RUN, write, WAIT), (Done(RUN, "journal"),))
    text, told = show.plan_text(plan), json.loads(show.plan_json(plan))
    assert "4 steps to do, 1 step done before" in text
    assert text.index("distribute:") < text.index("host:") < text.index("apps:")
    assert [step["kind"] for step in told["steps"]] == ["deliver", "exec", "write", "await"]
    assert told["done"] == [{"id": "e", "host": "10.0.0.2", "why": "journal"}]
    assert "s3cret" not in text + json.dumps(told)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (f"{'a' * 64} x\n{'b' * 64} x\n", {"x": JournalEntry({}, 0)}),
        (f"{'a' * 64} x\n{'b' * 30}", {"x": JournalEntry({}, 0)}),
        (f"{journal.line('x', {'pause': '3.9'}, 2)}\n", {"x": JournalEntry({"pause": "3.9"}, 2)}),
        (f"{journal.line('x', {}, 2)[:-9]}\n", {}),
        (f"{journal.line('x', {}, 2).replace('1', '9')}\n", {}),
        (f"{'a' * 64}  x\nnonsense\n", {}),
    ],
)
def test_journal_is_read_leniently(text: str, expected: dict[str, JournalEntry]) -> None:
    assert journal.parse(text) == expected


def password(source: PasswordSource | None, tmp_path: Path, typed: str = "") -> Secret | None:
    host = Host("h", frozenset(), Login(password=source))
    return password_of(
        host, Access(tmp_path, {"PW": "from env", "EMPTY": ""}, Secret(typed) if typed else None)
    )


def test_passwords_are_found(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from file\nsecond line\n")
    assert password(None, tmp_path) is None
    assert password(None, tmp_path, "typed") == Secret("typed")
    assert password(Secret("in clear"), tmp_path, "typed") == Secret("in clear")
    assert password(PasswordEnv("PW"), tmp_path) == Secret("from env")
    assert password(PasswordFile(str(tmp_path / "pw")), tmp_path) == Secret("from file")


@pytest.mark.parametrize("source", [PasswordEnv("EMPTY"), PasswordEnv("NONE"), PasswordFile("/no/such/file")])
def test_missing_passwords_are_told(source: PasswordSource, tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        password(source, tmp_path)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "--ask-password" in caught.value.fix


PASSWORD = "s3cr't p@ss/\"w%rd"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("http://ops:s3cr%27t%20p%40ss%2F%22w%25rd@10.0.0.1:3128", "http://ops:***@10.0.0.1:3128"),
        ("password=s3cr%27t+p%40ss%2F%22w%25rd", "password=***"),
        (json.dumps({"password": PASSWORD}), '{"password": "***"}'),
        (f"+ login --password {shlex.quote(PASSWORD)}", "+ login --password '***'"),
        ("+ login 's3cr'\\''t p@ss/\"w%rd'", "+ login '***'"),
    ],
)
def test_a_secret_is_hidden_in_addresses_forms_json_and_traces(shown: str, expected: str) -> None:
    assert redact(shown, disguises(PASSWORD)) == expected


@pytest.mark.parametrize("before", [b"", b"u", b"u:", b"abc", b'{"auth":"'])
@pytest.mark.parametrize("after", [b"", b"\n", b'"}'])
def test_a_secret_is_hidden_where_it_is_a_part_of_what_is_encoded(before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + PASSWORD.encode() + after).decode()
    left, hidden, right = redact(encoded, disguises(PASSWORD)).partition("***")
    assert hidden
    # A character of base64 has six bits: one at each end may have some of the secret's.
    assert len(left) * 6 < len(before) * 8 + 6
    assert len(right.rstrip("=")) * 6 < len(after) * 8 + 6 + 6


def test_short_words_are_not_looked_for_within_base64() -> None:
    assert len(disguises("prod")) == 3
