"""`readdress`: the record moves only once the cluster serves, and the same command goes on after a break."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.operations import readdress as operation
from bundler.installer.operations.session import Session
from bundler.installer.plan.cluster.decide import refuse
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import Prepared, prepare
from bundler.installer.plan.steps import Plan
from bundler.installer.run.loop import Ended
from bundler.installer.site.record import Record
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_readdress import facts, record

OLD = record("10.7.0.1", "10.7.0.2")


@dataclass
class Desk:
    """A session as far as the operation knows it; `kept` is what the hosts' record has become."""

    facts: Facts
    site: Any = field(default_factory=lambda: kit.site(1))
    operation: Operation = field(default_factory=Operation)
    kept: Record = OLD
    said: list[str] = field(default_factory=list)
    context = Session.context

    @property
    def state(self) -> "Desk":
        return self

    def prepare(self, seen: Facts | None = None) -> Prepared:
        bundle = kit.index()
        contents = Contents(bundle, kit.files_of(bundle), ())
        return prepare(self.site, seen or self.facts, contents, kit.SECRETS, operation=self.operation)

    def settle(self) -> None:
        self.said.append("settled")

    def observe(self) -> None:
        self.said.append("observed")
        self.facts = facts(self.kept, {kit.CONTROL_PLANE: "m0", kit.WORKER: "m1"})

    def keep(self, made: Record, before: Record | None) -> None:
        assert before == self.kept
        assert made.age > self.kept.age
        self.said.append("kept")
        self.kept = made


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    def applied(session: Desk, _carry_out: object) -> Ended:
        session.said.append(f"then {session.operation.kind.value}")
        return Ended(Decided(None))

    monkeypatch.setattr(operation, "carry_on", applied)
    return Desk(facts(OLD, {kit.CONTROL_PLANE: "m0", kit.WORKER: "m1"}))


def test_cluster_first_then_the_record_then_an_apply(desk: Any) -> None:
    plans: list[Plan] = []
    ended = operation.readdress(desk, frozenset({"10.7.0.1", "10.7.0.2"}), plans.append)
    assert desk.said == ["settled", "observed", "kept", "observed", "then apply"]
    assert [host.address for host in desk.kept.hosts] == [kit.CONTROL_PLANE, kit.WORKER]
    assert {step.host for step in plans[0].steps} == {kit.CONTROL_PLANE, kit.WORKER}
    assert ended.stages == 1
    again = operation.readdress(desk, None, plans.append)
    assert len(plans) == 1
    assert again.stages == 0


def test_a_break_leaves_the_record_and_the_same_command_goes_on(desk: Any) -> None:
    def broken(_plan: Plan) -> None:
        raise BundlerError("the link is gone", code=ExitCode.HOST)

    with pytest.raises(BundlerError, match="the link is gone"):
        operation.readdress(desk, None, broken)
    assert desk.kept == OLD
    desk.said.clear()
    operation.readdress(desk, None, lambda _plan: None)
    assert desk.said[-1] == "then apply"
    assert desk.kept != OLD


def test_an_apply_at_the_new_addresses_names_the_command(desk: Any) -> None:
    desk.operation = Operation(Kind.APPLY)
    view = desk.prepare().view
    refused = refuse(view)
    assert refused is not None
    assert "BND-READDRESS" in {each.rule for each in refused.refusals}
    assert "readdress --to" in next(each.fix for each in refused.refusals if each.rule == "BND-READDRESS")
