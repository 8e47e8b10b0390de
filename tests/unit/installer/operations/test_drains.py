"""A drain that a disruption budget holds up: every choice, and what becomes of the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.cli.drain_choice import chooser
from bundler.installer.facts.api import Cordon, Pod
from bundler.installer.operations.drains import WAITS, Carried, carried, left
from bundler.installer.plan.cluster.blocked import HeldUp
from bundler.installer.plan.cluster.operation import Blocked, Operation
from bundler.installer.plan.cluster.view import View
from bundler.installer.run.loop import Ended
from bundler.installer.site.desired import Desired, Versions
from tests.fakes.site.access import go
from tests.fakes.site.recipe import cp, desired, worker
from tests.fakes.site.site import Site

OLD, NEW = "v1.36.3", "v1.37.2"
POD = Pod("shop/checkout", f"node-{worker(1)}", budget="shop/checkout", allowed=0)


@dataclass
class Run:
    """The simulated site between drains. waits: what happens while somebody waits."""

    site: Site
    aim: Desired
    meanwhile: Callable[[Site], None] = lambda _site: None
    rounds: int = 0
    lifted: list[str] = field(default_factory=list)

    def once(self, operation: Operation) -> Ended:
        self.rounds += 1
        if self.rounds > 1:
            self.meanwhile(self.site)
        return go(self.site, self.aim, operation)

    def look(self, operation: Operation) -> View:
        return View(self.aim, self.site.observe(), operation)

    def lift(self, held: HeldUp) -> None:
        self.lifted.append(held.node)
        self.site.nodes[held.node] = replace(self.site.nodes[held.node], cordon=Cordon.NONE)


def upgrade(pod: Pod = POD, meanwhile: Callable[[Site], None] = lambda _site: None) -> Run:
    hosts = [cp(1)], [worker(1), worker(2)]
    site = Site.of([cp(1), worker(1), worker(2)])
    assert go(site, desired(*hosts)).done
    site.pods = [pod]
    return Run(site, replace(desired(*hosts), versions=Versions("shop", "3.0", NEW, (NEW,))), meanwhile)


def chosen(run: Run, *choices: Blocked) -> Carried:
    told = iter(choices)
    return carried(run, Operation(), lambda _held: next(told, Blocked.STOP))


def kubelets(run: Run) -> list[str]:
    return [run.site.machines[a].components["kubelet"].version for a in (cp(1), worker(1), worker(2))]


def cordoned(run: Run) -> bool:
    return run.site.nodes[POD.node].cordon is Cordon.OURS


def test_stopping_leaves_the_node_cordoned_and_the_same_command_goes_on() -> None:
    run = upgrade()
    ended = chosen(run, Blocked.STOP).ended
    assert ended.error is not None
    assert kubelets(run) == [NEW, OLD, OLD]
    assert cordoned(run)
    run.site.pods = []
    assert chosen(run).ended.done
    assert kubelets(run) == [NEW, NEW, NEW]
    assert not cordoned(run)


def test_who_waits_gets_on_as_soon_as_the_pods_may_go() -> None:
    run = upgrade(meanwhile=lambda site: setattr(site, "pods", [replace(POD, allowed=int(run.rounds > 3))]))
    assert chosen(run, *[Blocked.WAIT] * 9).ended.done
    assert run.rounds == 4
    assert kubelets(run) == [NEW, NEW, NEW]
    assert run.lifted == []


def test_waiting_has_an_end() -> None:
    run = upgrade()
    ended = carried(run, Operation(), lambda _held: Blocked.WAIT).ended
    assert ended.error is not None
    assert run.rounds == WAITS + 1


def test_a_host_that_is_skipped_stays_as_it_is_and_the_others_go_on() -> None:
    run = upgrade()
    came = chosen(run, Blocked.SKIP)
    assert came.ended.done
    assert kubelets(run) == [NEW, OLD, NEW]
    assert run.lifted == [POD.node]
    assert not cordoned(run)
    told = left(came.operation.consents.skipped, NEW)
    assert list(told) == [worker(1)]
    assert told[worker(1)].code is ExitCode.PARTIAL
    run.site.pods = []
    assert chosen(run).ended.done  # the same command, another day
    assert kubelets(run) == [NEW, NEW, NEW]


def test_force_deletes_the_pods_that_were_named_and_no_others() -> None:
    run = upgrade()
    other = Pod("shop/other", f"node-{worker(2)}", budget="shop/other", allowed=1)
    run.site.pods.append(other)
    came = chosen(run, Blocked.FORCE)
    assert came.ended.done
    assert came.operation.consents.delete_pods == {POD.name}
    assert run.site.pods == [other]
    assert kubelets(run) == [NEW, NEW, NEW]


def test_each_node_that_is_held_up_has_a_choice_of_its_own() -> None:
    run = upgrade()
    run.site.pods.append(replace(POD, name="shop/second", node=f"node-{worker(2)}"))
    asked: list[str] = []

    def choose(held: HeldUp) -> Blocked:
        asked.append(held.address)
        return Blocked.SKIP if held.address == worker(1) else Blocked.FORCE

    assert carried(run, Operation(), choose).ended.done
    assert asked == [worker(1), worker(2)]
    assert kubelets(run) == [NEW, OLD, NEW]
    assert [pod.name for pod in run.site.pods] == [POD.name]


def test_a_control_plane_is_not_skipped() -> None:
    run = upgrade(replace(POD, node=f"node-{cp(1)}"))
    asked: list[tuple[Blocked, ...]] = []

    def choose(held: HeldUp) -> Blocked:
        asked.append(held.choices)
        return Blocked.SKIP

    assert carried(run, Operation(), choose).ended.error is not None
    assert asked == [(Blocked.WAIT, Blocked.FORCE, Blocked.STOP)]
    assert run.lifted == []


def test_another_failure_asks_nobody() -> None:
    run = upgrade()
    run.site.pods = []
    run.site.nodes[POD.node] = replace(run.site.nodes[POD.node], cordon=Cordon.OURS)
    came = carried(run, Operation(), lambda held: pytest.fail(f"asked about {held}"))
    assert came.ended.done


@pytest.mark.parametrize(
    ("policy", "control_plane", "choice"),
    [
        (None, False, Blocked.STOP),  # there is no terminal here
        (Blocked.SKIP, False, Blocked.SKIP),
        (Blocked.WAIT, False, Blocked.WAIT),
        (Blocked.FORCE, True, Blocked.FORCE),
        (Blocked.SKIP, True, Blocked.STOP),
    ],
)
def test_the_flag_takes_the_choice(
    policy: Blocked | None,
    control_plane: bool,  # noqa: FBT001  (of a table)
    choice: Blocked,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = HeldUp("10.0.0.21", "w1", (("shop/checkout", "shop/budget"),), control_plane)
    assert chooser(policy)(held) is choice
    assert "shop/checkout, held by shop/budget" in capsys.readouterr().err


def test_the_terminal_is_asked_until_it_names_a_choice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["x", "s"])
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_words, **_options: next(answers))
    held = HeldUp("10.0.0.21", "w1", tuple((f"shop/p{n}", "b") for n in range(5)))
    assert chooser(None)(held) is Blocked.SKIP
    said = capsys.readouterr().err
    assert "and 2 more" in said
    assert "s  skip 10.0.0.21" in said


def test_a_terminal_that_names_none_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)

    def prompt(*_words: object, **_options: object) -> str:
        asked.append("x")
        return "x"

    monkeypatch.setattr("typer.prompt", prompt)
    assert chooser(None)(HeldUp("10.0.0.21", "w1", ())) is Blocked.STOP
    assert 1 < len(asked) < 20
