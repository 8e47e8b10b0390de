"""Two runs, one host: the lock by a real sshd, and what a run that was cut off has left there."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.gather import gather
from bundler.installer.plan.steps import Await, Exec, Phase, Step
from bundler.installer.run import hostlock
from bundler.installer.run.actions import Captures, StepContext, perform
from bundler.installer.run.hostlock import Claim, held
from bundler.installer.scripts.render import load
from bundler.installer.site.model import Host, Login, Role
from bundler.installer.transport.hostkeys import KnownHosts
from bundler.installer.transport.login import Credentials, Trust
from bundler.installer.transport.ssh import SshTransport, open_ssh
from tests.kits.deliveries import Contents
from tests.real.sshd import ADDRESS, SSHD, Sshd, running

if TYPE_CHECKING:
    from bundler.installer.transport.protocol import Transport

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]


class Place:
    """One host whose state and lock are below a folder, and runs that come to it."""

    def __init__(self, server: Sshd, folder: Path) -> None:
        self.server = server
        self.lock = folder / "run"
        self.state = folder / "state"
        self.told: list[str] = []

    def connect(self) -> SshTransport:
        login = Login(port=self.server.port, key_file=str(self.server.user_key))
        host = Host(ADDRESS, frozenset({Role.WORKER}), login)
        known = KnownHosts.of_user(self.server.home)
        return open_ssh(host, Credentials.of(host, None, self.server.home), Trust(known))

    @contextmanager
    def run(self, name: str) -> Iterator["Run"]:
        """A run that holds the host."""
        transport = self.connect()
        claim = Claim(f"token-of-{name}", f"{name}@laptop, process 7", str(self.lock))
        try:
            with held({ADDRESS: transport}, ADDRESS, claim, parallel=4, tell=self.told.append):
                yield Run(self, transport, claim)
        finally:
            transport.close()

    @property
    def noted(self) -> str:
        journal = self.state / "journal"
        return journal.read_text() if journal.exists() else ""

    def signs(self) -> int:
        return (self.lock / "lock").stat().st_mtime_ns


class Run:
    """What an installer does while it holds the host."""

    def __init__(self, place: Place, transport: SshTransport, claim: Claim) -> None:
        ledger = load("ledger.sh").replace("/var/lib/bundler", str(place.state))
        self.transport = transport
        self.context = StepContext(Contents({}), claim.prelude() + ledger, Captures())
        self.state = place.state

    def do(self, step: Step) -> None:
        # Steps note themselves in the real journal; here in the place's own.
        transport = cast("Transport", _Moved(self.transport, self.state))
        perform(step, transport, self.context, on_bytes=lambda _: None, on_line=lambda _: None)


class _Moved:
    """A transport whose scripts keep their journal elsewhere."""

    def __init__(self, inner: SshTransport, state: Path) -> None:
        self._inner = inner
        self._state = state
        self.address = inner.address
        self.close = inner.close

    def run(self, script: str, **options: Any) -> object:
        moved = script.replace("/var/lib/bundler", str(self._state))
        return self._inner.run(moved, **options)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(hostlock, "_BEAT", 1.0)
    monkeypatch.setattr(hostlock, "_QUIET", 4)
    with running(tmp_path) as server:
        server.trust()
        yield Place(server, tmp_path)


def step(script: str, timeout: float = 60.0) -> Exec:
    return Exec(id="host/a", host=ADDRESS, phase=Phase.HOST, reason="a test", script=script, timeout=timeout)


def begin(run: Run, step: Step, mark: Path) -> threading.Thread:
    """Do a step in the background; returns when it runs on the host."""

    def work() -> None:
        with pytest.raises(BundlerError):
            run.do(step)

    thread = threading.Thread(target=work)
    thread.start()
    _until(mark.exists)
    return thread


def _until(true: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]  # a function
        assert time.monotonic() < deadline, "it didn't come"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_second_run_is_told_who_is_there(place: Place) -> None:
    with place.run("anna") as first:
        with pytest.raises(BundlerError) as caught, place.run("bert"):
            pytest.fail("both hold it")
        first.do(step("true"))
    error = caught.value
    assert (error.code, error.where) == (ExitCode.BUSY, ADDRESS)
    assert error.why.startswith("anna@laptop, process 7, since 2")
    assert not place.lock.exists()
    with place.run("bert") as second:
        second.do(step("true"))
    assert not place.lock.exists()
    assert place.told == []


def test_of_two_at_once_one_gets_it(place: Place) -> None:
    got: list[str] = []
    refused: list[BundlerError] = []

    def come(name: str) -> None:
        try:
            with place.run(name):
                got.append(name)
                time.sleep(4)
        except BundlerError as error:
            refused.append(error)

    threads = [threading.Thread(target=come, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), [error.code for error in refused]) == (1, [ExitCode.BUSY] * 3)
    assert all(error.why.startswith(got[0]) for error in refused)


def test_the_lock_goes_with_the_connection(place: Place) -> None:
    with place.run("anna"):
        place.server.cut()
        started = time.monotonic()
        with place.run("bert"):
            assert time.monotonic() - started < 3
        assert place.told == []


def test_facts_and_plan_ask_no_leave(place: Place) -> None:
    with place.run("anna"):
        transport = place.connect()
        assert gather({ADDRESS: transport}).hosts[ADDRESS].cpus
        transport.close()


def test_a_step_that_goes_on_without_its_run_is_waited_for(place: Place, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    slow = step(f"echo 1 >>{mark}; sleep 3; echo 2 >>{mark}")
    with place.run("anna") as first:
        thread = begin(first, slow, mark)
        place.server.cut()
        thread.join()
        with place.run("bert"):
            assert mark.read_text() == "1\n2\n"  # it has ended, once, before anything else began
            assert "host/a" in place.noted  # so the next plan leaves it out
    assert "host/a of an earlier run still runs here: waiting for at most" in place.told[0]


def test_a_step_that_takes_longer_than_its_time_is_ended(place: Place, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    endless = step(f"trap '' TERM; echo $$ >{mark}; sleep 301; sleep 301", timeout=2)
    with place.run("anna") as first:
        thread = begin(first, endless, mark)
        place.server.cut()
        thread.join()
        pid = int(mark.read_text())
        assert alive(pid)
        with place.run("bert"):
            assert not alive(pid)
        assert "host/a" not in place.noted


def test_waiting_is_not_waited_for(place: Place, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"echo $$ >{mark}; false"
    wait = Await(
        id="apps/x", host=ADDRESS, phase=Phase.APPS, reason="a test", script=script, subject="x", deadline=300
    )
    with place.run("anna") as first:
        thread = begin(first, wait, mark)
        place.server.cut()
        thread.join()
        started = time.monotonic()
        with place.run("bert"):
            assert time.monotonic() - started < 5
            assert not alive(int(mark.read_text()))
        assert place.told == []


def test_a_daemon_that_a_step_started_is_no_step(place: Place, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with place.run("anna") as first:
        first.do(step(f"setsid sleep 302 >/dev/null 2>&1 & echo $! >{pid}"))
        place.server.cut()
        started = time.monotonic()
        with place.run("bert"):
            assert time.monotonic() - started < 3
            assert alive(int(pid.read_text()))
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_who_is_silent_is_taken_over_and_does_nothing_any_more(place: Place, tmp_path: Path) -> None:
    """As after a link went down without a word: the host still has the connection, but nothing comes."""
    mark = tmp_path / "mark"
    second = place.run("bert")

    def anna() -> None:
        with place.run("anna") as first:
            (session,) = place.server.children()
            os.kill(session, signal.SIGSTOP)  # what anna says no longer arrives
            second.__enter__()
            os.kill(session, signal.SIGCONT)  # and now it does again
            first.do(step(f"echo anna >{mark}"))

    with pytest.raises(BundlerError, match="another run has taken this host over") as caught:
        anna()
    second.__exit__(None, None, None)
    assert caught.value.code is ExitCode.BUSY
    assert not mark.exists()
    assert any("no sign of life from anna@laptop" in line or "taken over" in line for line in place.told)


def test_a_strangers_process_is_not_ended(place: Place) -> None:
    """The file's number may belong to somebody else by now: only who has the lock open is ended."""
    place.lock.mkdir()
    lock = place.lock / "lock"
    stranger = subprocess.Popen(["sleep", "303"], start_new_session=True)
    other = subprocess.Popen(["flock", lock, "sleep", "7"], start_new_session=True)
    try:
        _until(lock.exists)
        lock.write_text(f"token {stranger.pid} somebody, since long ago\n")
        with place.run("bert"):
            assert stranger.poll() is None
            assert other.poll() == 0  # it was waited for: its number wasn't there
    finally:
        for process in (stranger, other):
            process.kill()
            process.wait()


def test_a_host_where_nothing_can_be_written_says_so(place: Place) -> None:
    place.lock = Path("/proc/nowhere")
    with pytest.raises(BundlerError) as caught, place.run("bert"):
        pytest.fail("it is locked")
    assert caught.value.code is ExitCode.STEP
    assert "/proc/nowhere" in caught.value.why


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """What kubectl on the host was called with."""
    program, file = tmp_path / "bin" / "kubectl", tmp_path / "asked"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{file}\n')
    program.chmod(0o755)
    return file


@pytest.mark.parametrize("end", ["well", "cut", "closed"])
def test_the_token_for_joining_ends_with_the_run(asked: Path, tmp_path: Path, end: str) -> None:
    with running(tmp_path, options=(f"SetEnv PATH={asked.parent}/bin:/usr/bin:/bin",)) as server:
        server.trust()
        place = Place(server, tmp_path)
        with place.run("anna") as run:
            run.do(step("printf '%s\\n' abcdef >$lock_folder/token"))
            if end == "cut":
                server.cut()
            elif end == "closed":  # as after Ctrl-C
                run.transport.close()
        _until(asked.exists)
        assert "delete secret bootstrap-token-abcdef" in asked.read_text()
        _until(lambda: not (place.lock / "token").exists())
