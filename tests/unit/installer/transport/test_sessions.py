"""Sessions and connections that a host refuses: tried again, done without, and in the end told."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko
import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, Login
from bundler.installer.transport import dialling, sessions
from bundler.installer.transport.dialling import admitted, tcp
from bundler.installer.transport.sessions import Sessions


class Channel:
    def close(self) -> None:
        pass


class Connection:
    """A connection that takes so many sessions, and drops `refusals` before it takes any."""

    def __init__(self, most: int, refusals: int = 0) -> None:
        self.most, self.refusals, self.open = most, refusals, 0
        self.is_closed = False

    def open_session(self, timeout: float) -> Channel:
        assert timeout
        if self.refusals or self.open >= self.most:
            self.refusals = max(0, self.refusals - 1)
            raise paramiko.ChannelException(2, "Connect failed")
        self.open += 1
        connection = self

        class Opened(Channel):
            def close(self) -> None:
                connection.open -= 1

        return Opened()

    def is_active(self) -> bool:
        return not self.is_closed

    def close(self) -> None:
        self.is_closed = True


def no_more() -> BundlerError:
    return BundlerError("no ssh connection", code=ExitCode.HOST)


def refusing() -> paramiko.Transport:
    raise no_more()


def pool(first: Connection, connect: Callable[[], object], told: list[str]) -> Sessions:
    return Sessions(first, "h", connect, told.append)  # type: ignore[arg-type]  # what it uses of a connection


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_PAUSE", "_LATER"):
        monkeypatch.setattr(sessions, name, 0.001)
    monkeypatch.setattr(dialling, "_PAUSES", (0.001,) * 5)
    monkeypatch.setattr(dialling, "_PAUSES_CLOSED", (0.001,) * 3)


@pytest.mark.parametrize("refusals", [1, 3, 30])
def test_a_session_refused_in_the_middle_of_a_run_is_tried_again(refusals: int) -> None:
    told: list[str] = []
    found = pool(Connection(10, refusals), refusing, told)
    found.release(found.open())
    assert told == []


@pytest.mark.parametrize("most", [2, 3])
def test_where_no_other_connection_is_possible_one_does(most: int) -> None:
    """As with MaxSessions 2 on a host that takes one login at a time: the lock has one session."""
    told: list[str] = []
    found = pool(Connection(most), refusing, told)
    lock = found.open()
    left = [found.open() for _ in range(most - 1)]
    done: list[str] = []

    def step(name: str) -> None:
        session = found.open()
        done.append(name)
        found.release(session)

    threads = [threading.Thread(target=step, args=(f"{n}",), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    for each in left:
        found.release(each)
    for thread in threads:
        thread.join(30)
    found.release(lock)
    assert sorted(done) == ["0", "1", "2", "3"]
    assert [f"{most} sessions" in text for text in told] == [True]


def test_with_one_session_and_no_other_connection_every_step_is_told() -> None:
    found = pool(Connection(1), refusing, [])
    found.open()  # the lock's
    for _ in range(3):
        with pytest.raises(BundlerError, match="no ssh connection"):
            found.open()


def test_another_connection_that_is_refused_at_first_is_made_later() -> None:
    answers = iter([no_more(), no_more(), Connection(1)])

    def connect() -> object:
        answer = next(answers)
        if isinstance(answer, BundlerError):
            raise answer
        return answer

    found = pool(Connection(1), connect, [])
    found.open()
    assert found.open() is not None


def test_ending_a_script_never_waits_for_the_script() -> None:
    found = pool(Connection(2), refusing, [])
    _lock, _script = found.open(), found.open()
    with pytest.raises(BundlerError, match="no ssh connection"):
        found.open(spare=True)


@contextmanager
def answering(answers: list[bytes]) -> Iterator[tuple[Host, list[socket.socket]]]:
    """A port that says one text after the other to whoever comes, and closes all but the last connection."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken: list[socket.socket] = []

        def serve() -> None:
            for number, answer in enumerate(answers):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                taken.append(connection)
                connection.sendall(answer)
                if number < len(answers) - 1:
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield Host("127.0.0.1", frozenset(), Login(port=server.getsockname()[1])), taken
        for each in taken:
            each.close()


GREETING = b"SSH-2.0-OpenSSH_9.9\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        [GREETING],
        [b"Exceeded MaxStartups\r\n", GREETING],
        [b"Exceeded MaxStartups\r\n"] * 5 + [GREETING],
        [b"Not allowed at this time\r\n"] * 3 + [GREETING],
        [b"", b"", GREETING],
        [b"a line that may stand before the greeting\r\n" + GREETING],
        [b"HTTP/1.1 400 Bad\r\n\r\n"],  # to be judged by whoever reads it
    ],
)
def test_who_is_turned_away_for_a_while_comes_again(answers: list[bytes]) -> None:
    with answering(answers) as (host, taken):
        connection = admitted(host, tcp)
        assert connection.recv(8) == answers[-1][:8]  # nothing was taken from it
        connection.close()
    assert len(taken) == len(answers)


@pytest.mark.parametrize(
    ("answer", "times", "said", "fix"),
    [
        (b"Exceeded MaxStartups\r\n", 6, '"Exceeded MaxStartups"', "raise MaxStartups"),
        (b"Not allowed at this time\r\n", 6, '"Not allowed at this time"', "PerSourcePenalties"),
        (b"", 4, "closed the connection before any greeting", "is that port sshd's?"),
    ],
)
def test_who_is_always_turned_away_is_told_why(answer: bytes, times: int, said: str, fix: str) -> None:
    with answering([answer] * times + [b"never asked"]) as (host, taken):
        with pytest.raises(BundlerError) as caught:
            admitted(host, tcp)
        assert len(taken) == times
    assert caught.value.code is ExitCode.HOST
    assert said in caught.value.why
    assert f"{times} times" in caught.value.why
    assert fix in caught.value.fix
