"""The page of a run: made of the report's data, with what went wrong, and nothing of a host's runs in it."""

import json
import re

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Exec, Phase
from bundler.installer.run import gantt
from bundler.installer.run.events import (
    PhaseFinished,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bundler.installer.run.report import Report
from bundler.installer.run.report_html import as_html
from tests.unit.core.test_markup import EVIL, Tags
from tests.unit.installer.plan import kit


def step(name: str, host: str = kit.CONTROL_PLANE, phase: Phase = Phase.HOST) -> Exec:
    return Exec(id=f"{phase}/{host}/{name}", host=host, phase=phase, reason="r", script="true")


def ran(*, error: str = "", host: str = kit.WORKER) -> Report:
    """Two steps at once on one host, a third on another that may fail; a tick of the clock an event."""
    now = iter(range(100))
    report = Report(kit.site(), clock=lambda: float(next(now)))
    first, second, third = step("a"), step("b"), step("c", host, Phase.WORKERS)
    report(RunStarted("demo 1", 3, 2, 30 << 20))  # at 0
    report(StepStarted(first))  # at 1
    report(StepStarted(second))
    report(StepStarted(third))
    report(StepProgress(first, 3 << 20))
    report(StepProgress(first, 1 << 20))
    report(StepFinished(first, 4.0))
    report(StepFinished(second, 3.0))
    if error:
        report(StepFailed(third, 5.0, BundlerError(error, code=ExitCode.STEP)))
        report.error = error
    else:
        report(StepFinished(third, 5.0))
    report(PhaseFinished(Phase.HOST, 4.0))
    report(RunFinished(8.0, 1 if error else 0))
    report.versions = {"product": "demo 1", "kubernetes": "v1.34.4"}
    report.findings = [{"id": "cordoned", "severity": "note", "where": host, "text": "left alone"}]
    report.nodes = "NAME STATUS\nnode-1 Ready"
    return report


def test_steps_have_their_start_and_hosts_their_bytes() -> None:
    told = json.loads(ran().as_json())
    assert [(each["id"], each["start"], each["seconds"]) for each in told["steps"]] == [
        ("host/10.0.0.2/a", 1.0, 4.0),
        ("host/10.0.0.2/b", 2.0, 3.0),
        ("workers/10.0.0.3/c", 3.0, 5.0),
    ]
    assert told["sent"] == {kit.CONTROL_PLANE: 4 << 20}
    assert (told["site"], told["ok"], told["versions"]["kubernetes"]) == ("trial", True, "v1.34.4")


def test_a_run_that_ended_before_its_steps_is_not_ok() -> None:
    report = Report(kit.site())
    report.error = "a host is not fit"
    assert json.loads(report.as_json())["ok"] is False


def test_the_page_has_every_part() -> None:
    text = Tags(as_html(ran().as_data())).text
    wanted = ("✓ trial: done", "3 steps in 8.0 s, 2 done before", "Steps by host", "Bytes by host", "4.0 MiB",
              "host/10.0.0.2/a: 4.0 s from 1.0 s on", "v1.34.4", "node-1 Ready", "cordoned")  # fmt: skip
    for part in wanted:
        assert part in text
    assert "What went wrong" not in text


def test_bars_stand_where_their_steps_ran() -> None:
    """8 s are 850 units wide; two that ran at once on a host don't cover each other."""
    drawn = gantt.gantt(ran().as_data()).text
    bars = re.findall(r'<rect class="p-\w+" x="([\d.]+)" y="(\d+)" width="([\d.]+)"', drawn)
    found = [[float(x), float(width)] for x, _, width in bars]
    wanted = [[1, 4], [2, 3], [3, 5]]  # begin and length in seconds
    assert [pytest.approx([150 + at * 850 / 8, long * 850 / 8], abs=0.1) for at, long in wanted] == found
    assert bars[0][1] != bars[1][1]


def test_a_failed_run_says_what_went_wrong() -> None:
    page = as_html(ran(error="no space left").as_data())
    text = Tags(page).text
    for part in ("✗ trial: failed", "What went wrong", "no space left", "1 left"):
        assert part in text
    assert 'class="failed"' in page


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_that_a_host_says_becomes_markup(evil: str) -> None:
    bad, good = ran(error=evil, host=evil), ran(error="x", host="x")
    for report, word in ((bad, evil), (good, "x")):
        report.nodes, report.log, report.lost = word, word, {word: word}
        report.title, report.versions = word, {"kubernetes": word}
    seen, wanted = Tags(as_html(bad.as_data())), Tags(as_html(good.as_data()))
    assert (sorted(seen.tags), sorted(seen.names)) == (sorted(wanted.tags), sorted(wanted.names))
    assert "script" not in seen.tags


def test_a_run_without_a_step_is_a_page_too() -> None:
    assert Tags(as_html(Report(kit.site()).as_data())).tags.count("svg") == 0


def test_of_very_many_steps_the_longest_are_drawn() -> None:
    data = ran().as_data()
    one = data["steps"][0]
    data["steps"] = [
        {**one, "id": str(n), "host": f"10.0.{n % 300}.1", "start": n / 10, "seconds": 1.0}
        for n in range(9000)
    ]
    data["steps"].append({**one, "host": "10.9.9.9", "seconds": 50.0})
    drawn = gantt.gantt(data).text
    assert drawn.count("<rect") <= gantt.STEPS
    assert len(re.findall(r'text-anchor="end"', drawn)) <= gantt.HOSTS
    assert gantt.left_out(data) == 9001 - drawn.count("<rect")
