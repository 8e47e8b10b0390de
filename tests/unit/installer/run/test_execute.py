"""Walking a plan: order, limits, failures, interruption; on hosts in memory."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Delivery, Done, Exec, Phase, Plan
from bundler.installer.run import waits
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.events import (
    Event,
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepOutput,
    StepStarted,
    Waiting,
)
from bundler.installer.run.execute import GO_ON, Excused, close_all, execute
from bundler.installer.run.schedule import Schedule, ScheduleLimits
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import OK, MemoryTransport


class NoSource:
    """A bundle that no step asks for anything."""

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        raise AssertionError(delivery)

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        raise AssertionError(delivery)


def step(name: str, *after: str, host: str = "a", phase: Phase = Phase.HOST) -> Exec:
    return Exec(id=name, host=host, phase=phase, reason=f"why {name}", after=after, script=f"do {name}")


def run(
    steps: list[Exec],
    *hosts: MemoryTransport,
    limits: ScheduleLimits | None = None,
    done: tuple[Done, ...] = (),
    excused: Excused | None = None,
) -> tuple[list[Event], BundlerError | None]:
    events: list[Event] = []
    context = StepContext(NoSource(), "", Captures())
    try:
        plan = Plan("t", tuple(steps), done)
        by_address = {host.address: host for host in hosts}
        execute(plan, by_address, context, events.append, limits=limits, excused=excused)
    except BundlerError as error:
        return events, error
    return events, None


def ids(events: list[Event], kind: type[StepStarted | StepFinished | StepFailed]) -> list[str]:
    return [event.step.id for event in events if isinstance(event, kind)]


def test_every_step_runs_once_behind_its_predecessors() -> None:
    steps = [step("1"), step("2", "1"), step("3", "1", host="b"), step("4", "2", "3")]
    events, error = run(steps, MemoryTransport("a"), MemoryTransport("b"))
    assert error is None
    order = [
        (type(event).__name__, event.step.id)
        for event in events
        if isinstance(event, StepStarted | StepFinished)
    ]
    for each in steps:
        for earlier in each.after:
            assert order.index(("StepFinished", earlier)) < order.index(("StepStarted", each.id))
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert events[-1].left == 0


def test_limits_hold() -> None:
    host, other = MemoryTransport("a", delay=0.02), MemoryTransport("b", delay=0.02)
    steps = [step(str(n), host="a" if n % 2 else "b") for n in range(12)]
    run(steps, host, other, limits=ScheduleLimits(total=5, host=2))
    assert host.most == 2
    assert other.most == 2


def test_a_failure_stops_what_has_not_begun_and_lets_the_rest_end() -> None:
    ended = threading.Event()

    def bad(script: str, _stdin: bytes) -> Outcome:
        return Outcome(3, "", "no such thing") if "do bad" in script else OK

    def slow(_script: str, _stdin: bytes) -> Outcome:
        ended.set()
        return OK

    steps = [step("bad"), step("slow", host="b"), step("never", "bad")]
    events, error = run(steps, MemoryTransport("a", bad), MemoryTransport("b", slow, delay=0.2))
    assert error is not None
    assert (error.code, error.why, error.fix) == (
        ExitCode.STEP,
        "no such thing\n  1 of 2 hosts is fine",
        GO_ON,
    )
    assert "why bad" in error.what
    assert str(error.where) == "a, step bad"
    assert ended.is_set()
    assert ids(events, StepFinished) == ["slow"]
    assert "never" not in ids(events, StepStarted)
    assert events[-1] == RunFinished(events[-1].seconds, 2) if isinstance(events[-1], RunFinished) else False


def test_steps_done_before_hold_nobody_up() -> None:
    done = (Done(step("0"), "journal"),)
    events, error = run([step("1", "0")], MemoryTransport("a"), done=done)
    assert error is None
    assert ids(events, StepFinished) == ["1"]


def test_phases_are_told_when_their_last_step_ends() -> None:
    steps = [step("1"), step("2", phase=Phase.APPS), step("3", "2")]
    events, _ = run(steps, MemoryTransport("a"))
    told = [event.phase for event in events if isinstance(event, PhaseFinished)]
    assert sorted(told) == [Phase.APPS, Phase.HOST]


def test_output_is_passed_on_but_not_of_secret_steps() -> None:
    said = Outcome(0, "s3cret\n", "")
    open_step = Exec(id="o", host="a", phase=Phase.HOST, reason="r", script="x")
    secret = Exec(id="s", host="a", phase=Phase.HOST, reason="r", script="x", secret=True)
    captured = Exec(id="c", host="a", phase=Phase.HOST, reason="r", script="x", capture="token")
    events, _ = run([open_step, secret, captured], MemoryTransport("a", lambda *_: said))
    assert [event.step.id for event in events if isinstance(event, StepOutput)] == ["o"]


def test_a_failed_secret_step_keeps_its_output_back() -> None:
    secret = Exec(id="s", host="a", phase=Phase.HOST, reason="r", script="x", secret=True)
    _, error = run([secret], MemoryTransport("a", lambda *_: Outcome(1, "s3cret", "s3cret")))
    assert error is not None
    assert "s3cret" not in str(error)


def test_interrupt_closes_every_host() -> None:
    hosts = [MemoryTransport("a", delay=0.3), MemoryTransport("b", delay=0.3)]

    def interrupting(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step.id == "2":
            raise KeyboardInterrupt

    plan = Plan("t", (step("1"), step("2", host="b"), step("3", "1")))
    with pytest.raises(BundlerError) as caught:
        execute(
            plan,
            {host.address: host for host in hosts},
            StepContext(NoSource(), "", Captures()),
            interrupting,
        )
    assert caught.value.code is ExitCode.INTERRUPTED
    assert "run the same command again" in caught.value.fix
    assert all(host.closed.is_set() for host in hosts)


def test_close_all_closes_the_others_when_one_fails() -> None:
    class Broken(MemoryTransport):
        def close(self) -> None:
            raise OSError("gone")

    other = MemoryTransport("b")
    close_all({"a": Broken("a"), "b": other})
    assert other.closed.is_set()


@pytest.mark.parametrize("steps", [[step("1", "2"), step("2", "1")], [step("1", "nothing")]])
def test_a_plan_that_cannot_end_is_refused(steps: list[Exec]) -> None:
    with pytest.raises(BundlerError) as caught:
        Schedule(Plan("t", tuple(steps)), ScheduleLimits())
    assert caught.value.code is ExitCode.BUG


graphs = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        *(
            st.tuples(st.sampled_from("abc"), st.sets(st.integers(0, max(number - 1, 0)), max_size=3))
            for number in range(count)
        )
    )
)


@given(graphs, st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_any_plan_is_walked_to_its_end(
    graph: tuple[tuple[str, set[int]], ...], total: int, per_host: int
) -> None:
    steps = [
        step(str(number), *(str(each) for each in after if each < number), host=host)
        for number, (host, after) in enumerate(graph)
    ]
    events, error = run(
        steps, *(MemoryTransport(name) for name in "abc"), limits=ScheduleLimits(total, per_host)
    )
    assert error is None
    assert sorted(ids(events, StepFinished)) == sorted(each.id for each in steps)


def bad(script: str, _stdin: bytes) -> Outcome:
    return Outcome(3, "", "no such thing") if "do bad" in script else OK


def test_every_failed_host_is_in_the_last_error() -> None:
    steps = [step(f"bad{host}", host=host) for host in "abc"]
    hosts = [MemoryTransport(address, bad, delay=0.2) for address in "abc"]
    _, error = run(steps, *hosts, MemoryTransport("d"))
    assert error is not None
    assert error.code is ExitCode.STEP
    text = str(error)
    assert text.startswith("3 of 4 hosts failed, 1 host is fine:")
    assert all(f"why bad{host}" in text for host in "abc")


def test_an_excused_host_keeps_no_other_from_anything() -> None:
    """As a dead worker under --max-failed 1: the apps behind its join start all the same."""
    steps = [
        step("bad", host="w1"),
        step("join", "bad", host="w1"),
        step("other", host="w2"),
        step("apps", "join", "other", host="cp"),
    ]
    hosts = (MemoryTransport("cp"), MemoryTransport("w1", bad), MemoryTransport("w2", delay=0.3))
    events, error = run(steps, *hosts, excused=Excused(frozenset({"w1", "w2"}), 1))
    assert error is None
    assert set(ids(events, StepFinished)) == {"other", "apps"}
    assert ids(events, StepFailed) == ["bad"]
    assert any("bundler_lost=w1" in script for script in hosts[0].scripts)
    assert isinstance(events[-1], RunFinished)
    assert events[-1].left == 2


def test_no_more_hosts_are_excused_than_was_said_and_never_a_control_plane() -> None:
    steps = [step("bad1", host="w1"), step("bad2", "bad1", host="w2")]
    hosts = (MemoryTransport("w1", bad), MemoryTransport("w2", bad))
    _, error = run(steps, *hosts, excused=Excused(frozenset({"w1", "w2"}), 1))
    assert error is not None
    _, error = run(
        [step("bad", host="cp")], MemoryTransport("cp", bad), excused=Excused(frozenset({"w1"}), 1)
    )
    assert error is not None


def test_what_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "EVERY", 0.3)
    monkeypatch.setattr("bundler.installer.run.execute._LOOK_UP", 0.1)
    slow = MemoryTransport("a", delay=1.2)
    events, error = run([step("slow"), step("quick", host="b")], slow, MemoryTransport("b"))
    assert error is None
    told = [event for event in events if isinstance(event, Waiting)]
    assert len(told) >= 2
    assert {each.id for event in told for each, _, _ in event.steps} == {"slow"}


def test_what_takes_long_is_told_with_its_last_words_every_15_seconds() -> None:
    now = 0.0
    heard = waits.Waits(lambda: now)
    heard.begin(step("slow"))
    heard.hear(StepOutput(step("slow"), "not Ready: w06"))
    heard.hear(StepOutput(step("slow"), " "))
    seen = []
    for second in range(50):
        now = float(second)
        if found := heard.due():
            seen.append((second, found.steps))
    assert [second for second, _ in seen] == [15, 30, 45]
    assert seen[1][1] == ((step("slow"), 30.0, "not Ready: w06"),)
    heard.end(step("slow"))
    now = 99.0
    assert heard.due() is None
