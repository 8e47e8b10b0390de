"""Every run leaves a line on the control planes, however it ends, without secrets."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.journal import STATE
from bundler.installer.operations import history
from bundler.installer.run.hostlock import Claim
from bundler.installer.run.report import Report
from bundler.installer.status.read import condition
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import MemoryTransport, private_transport
from tests.unit.installer.plan import kit


@dataclass
class Parts:
    """What of a session the history reads."""

    site = kit.site(1, control_planes=2)
    bundle = SimpleNamespace(index=kit.index())
    claim = Claim("token", "ops@deploy1, process 7")
    parallel = 4
    transports: dict[str, MemoryTransport] = field(default_factory=dict)

    def hidden(self) -> frozenset[str]:
        return frozenset({"hunter22"})


def ran(title: str = "a run") -> Report:
    report = Report(Parts.site)
    report.title, report.seconds = title, 12.5
    report.steps = [{"id": "x"}] * 3
    return report


def parts() -> Parts:
    return Parts(transports={host.address: MemoryTransport(host.address) for host in Parts.site.hosts})


def test_a_run_that_ended_well_is_noted_on_control_planes_alone() -> None:
    session = parts()
    with history.noted(session, "apply", ran()):  # type: ignore[arg-type]  # the parts that it reads
        pass
    assert [len(each.scripts) for each in session.transports.values()] == [1, 1, 0]


@pytest.mark.parametrize(
    ("error", "result", "told"),
    [
        (None, "done", ""),
        (BundlerError("no room for hunter22", code=ExitCode.SPACE), "failed", "no room for ***"),
        (BundlerError("stopped", code=ExitCode.INTERRUPTED), "interrupted", "stopped"),
        (KeyboardInterrupt(), "interrupted", ""),
    ],
)
def test_how_it_ended_is_told(error: BaseException | None, result: str, told: str) -> None:
    kept: list[str] = []
    session = parts()

    def keep(_script: str, data: bytes) -> Outcome:
        kept.append(data.decode())
        return history_ok

    session.transports = {kit.CONTROL_PLANE: MemoryTransport("x", keep)}

    def go() -> None:
        with history.noted(session, "apply", ran()):  # type: ignore[arg-type]  # as above
            if error is not None:
                raise error

    if error is None:
        go()
    else:
        with pytest.raises(type(error)):
            go()
    (found,) = condition("x", {"status-runs": kept}).runs
    assert (found.operation, found.result, found.by, found.seconds, found.steps, found.error) == (
        "apply",
        result,
        "ops@deploy1",
        12.5,
        3,
        told,
    )


history_ok = Outcome(0, "", "")


def test_a_run_that_did_nothing_is_no_run() -> None:
    session = parts()
    with history.noted(session, "apply", ran(title="")):  # type: ignore[arg-type]  # as above
        pass
    assert [each.scripts for each in session.transports.values()] == [[], [], []]


def test_the_last_fifty_are_kept_and_a_cleared_host_stays_so(tmp_path: Path) -> None:
    host = private_transport("h")
    state = tmp_path / "state"
    script = history._KEEP.replace(STATE, str(state))
    assert host.run(script, stdin=[b"{}\n"], timeout=20).status == 0
    assert not state.exists()
    state.mkdir()
    for number in range(53):
        host.run(script, stdin=[f"{json.dumps(number)}\n".encode()], timeout=20)
    assert (state / "runs").read_text().split() == [str(number) for number in range(3, 53)]
    assert (state / "runs").stat().st_mode & 0o777 == 0o600
