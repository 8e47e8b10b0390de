"""Hosts are asked all at once, and none is waited for longer than was said."""

import threading
import time

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations.lookout import Lookout
from bundler.installer.site.model import Host, Role
from bundler.installer.transport.protocol import Outcome, Transport
from tests.kits.transports import MemoryTransport


def hosts(count: int) -> tuple[Host, ...]:
    return tuple(Host(f"10.0.0.{number}", frozenset({Role.WORKER})) for number in range(1, count + 1))


def ask(transport: Transport) -> str:
    return transport.run("true", timeout=1).stdout


def said(host: Host) -> MemoryTransport:
    return MemoryTransport(host.address, lambda _script, _stdin: Outcome(0, host.address, ""), delay=0.2)


def test_all_are_asked_at_once_and_stand_in_order() -> None:
    started = time.monotonic()
    answers = Lookout(said, 10).ask(hosts(50), ask)
    assert time.monotonic() - started < 5  # one after the other they take ten
    assert list(answers.said.values()) == [host.address for host in hosts(50)]
    assert answers.silent == {}


def test_a_host_that_hangs_is_named_and_the_others_answer() -> None:
    hang = threading.Event()

    def dial(host: Host) -> MemoryTransport:
        if host.address == "10.0.0.2":
            hang.wait(30)
        return said(host)

    lookout = Lookout(dial, 1.0)
    started = time.monotonic()
    answers = lookout.ask(hosts(3), ask)
    assert time.monotonic() - started < 5
    assert list(answers.said) == ["10.0.0.1", "10.0.0.3"]
    assert answers.silent["10.0.0.2"].what == "no answer within 1 s"
    lookout.close()
    hang.set()


def test_a_connection_stays_for_the_next_look_and_a_broken_one_is_made_again() -> None:
    made: list[MemoryTransport] = []
    broken = [False]

    def answer(_script: str, _stdin: bytes) -> Outcome:
        if broken[0]:
            raise BundlerError("the connection is lost", code=ExitCode.HOST)
        return Outcome(0, "here", "")

    def dial(host: Host) -> MemoryTransport:
        made.append(MemoryTransport(host.address, answer))
        return made[-1]

    lookout = Lookout(dial, 10)
    assert lookout.ask(hosts(1), ask).said == {"10.0.0.1": "here"}
    assert lookout.ask(hosts(1), ask).said == {"10.0.0.1": "here"}
    assert len(made) == 1
    broken[0] = True
    assert list(lookout.ask(hosts(1), ask).silent) == ["10.0.0.1"]
    assert made[0].closed.is_set()
    broken[0] = False
    assert lookout.ask(hosts(1), ask).said == {"10.0.0.1": "here"}
    lookout.close()
    assert all(each.closed.is_set() for each in made)


def test_a_fault_of_ours_is_raised() -> None:
    def wrong(_transport: Transport) -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        Lookout(said, 10).ask(hosts(1), wrong)
