import pytest

from bundler.installer.facts.observed import HostObservation, JournalEntry, Traces, UnitState
from bundler.installer.plan.cluster.judge_piece import judge_piece
from bundler.installer.plan.cluster.steps import Because, Cause
from bundler.installer.plan.cluster.verdict import Satisfied, Unsatisfied
from bundler.installer.site.desired import Piece
from bundler.installer.site.expected import UnitRuns

KUBELET = Piece("host/a/kubelet", "a", "kubelet", UnitRuns("kubelet.service", active=False))


@pytest.mark.parametrize(
    ("node", "active", "well"), [(False, False, True), (True, True, True), (True, False, False)]
)
def test_a_kubelet_has_to_run_as_soon_as_the_host_is_a_node(*, node: bool, active: bool, well: bool) -> None:
    host = HostObservation(
        "a",
        "m",
        traces=Traces(kubelet_conf=node),
        units={"kubelet.service": UnitState(enabled=True, active=active)},
        journal={KUBELET.key: JournalEntry({})},
    )
    verdict = judge_piece(KUBELET, host, {})
    if well:
        assert isinstance(verdict, Satisfied)
    else:
        assert verdict == Unsatisfied(Because(Cause.DRIFTED, "kubelet.service", "active", "stopped"))
