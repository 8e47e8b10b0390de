"""The steps of a run over time, host by host, as SVG. Pure; made of the report's data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bundler.core.markup import Content, Markup, element
from bundler.installer.site.ranges import in_order

WIDTH: Final = 1000
HOSTS: Final = 200  # shown; beyond that a page would neither load nor print
STEPS: Final = 6000
_LEFT: Final = 150  # for the addresses
_LANE: Final = 9
_GAP: Final = 5
_AXIS: Final = 22
_LEAST: Final = 1.0  # no bar is narrower
_ROUND: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_TICKS: Final = 8

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Bar:
    step: Told
    lane: int
    failed: bool


def gantt(data: Told) -> Markup:
    """A row a host; steps that ran at once lie below each other. Nothing where nothing ran."""
    rows = _rows(data)
    if not rows:
        return Markup("")
    last = max(each.step["start"] + each.step["seconds"] for bars in rows.values() for each in bars)
    scale = (WIDTH - _LEFT) / max(last, 0.001)
    parts: list[Content] = []
    top = _AXIS
    for host, bars in rows.items():
        height = (1 + max(each.lane for each in bars)) * _LANE
        parts.append(element("text", host, x=_LEFT - 6, y=top + _LANE, text_anchor="end"))
        parts += [_rectangle(each, top, scale) for each in bars]
        top += height + _GAP
    axis = list(_axis(last, scale, top))
    return element(
        "svg", *axis, *parts, viewBox=f"0 0 {WIDTH} {top}", role="img", class_="gantt",
        aria_label="steps by host over time",
    )  # fmt: skip


def left_out(data: Told) -> int:
    """How many steps the chart does not show."""
    return len(_all(data)) - sum(len(bars) for bars in _rows(data).values())


def _all(data: Told) -> list[tuple[Told, bool]]:
    return [(each, False) for each in data["steps"]] + [(each, True) for each in data["failed"]]


def _rows(data: Told) -> dict[str, list[_Bar]]:
    """Hosts in numeric order; those with a failed step stay where there are too many."""
    steps = _all(data)
    failed = [step["host"] for step, wrong in steps if wrong]
    order = in_order({step["host"] for step, _ in steps})
    shown = set(list(dict.fromkeys((*failed, *order)))[:HOSTS])
    by_host: dict[str, list[tuple[Told, bool]]] = {host: [] for host in order if host in shown}
    longest = sorted(steps, key=lambda pair: (not pair[1], -pair[0]["seconds"]))[:STEPS]
    for step, wrong in sorted(longest, key=lambda pair: pair[0]["start"]):
        if step["host"] in by_host:
            by_host[step["host"]].append((step, wrong))
    return {host: _lanes(found) for host, found in by_host.items() if found}


def _lanes(steps: Sequence[tuple[Told, bool]]) -> list[_Bar]:
    """Each step in the first lane that is free when it starts."""
    ends: list[float] = []
    bars = []
    for step, failed in steps:
        lane = next((n for n, end in enumerate(ends) if end <= step["start"]), len(ends))
        end = step["start"] + step["seconds"]
        ends[lane : lane + 1] = [end]
        bars.append(_Bar(step, lane, failed))
    return bars


def _rectangle(bar: _Bar, top: int, scale: float) -> Markup:
    step = bar.step
    began = f"{step['seconds']:.1f} s from {step['start']:.1f} s on"
    told = f"{step['id']}: {began}{', failed' if bar.failed else ''}"
    kind = "failed" if bar.failed else f"p-{step['phase']}"
    return element(
        "rect",
        element("title", told),
        class_=kind,
        x=f"{_LEFT + step['start'] * scale:.1f}",
        y=top + bar.lane * _LANE + 1,
        width=f"{max(step['seconds'] * scale, _LEAST):.1f}",
        height=_LANE - 2,
    )


def _axis(last: float, scale: float, bottom: int) -> Iterator[Markup]:
    every = next((each for each in _ROUND if last / each <= _TICKS), max(_ROUND[-1], last / _TICKS))
    for number in range(_TICKS + 1):
        if (moment := number * every) > last:
            return
        x = f"{_LEFT + moment * scale:.1f}"
        yield element("line", x1=x, x2=x, y1=_AXIS - 6, y2=bottom, class_="tick")
        yield element("text", f"{moment:g} s", x=x, y=_AXIS - 9)
