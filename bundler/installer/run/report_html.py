"""The report of a run as one page, made of `Report.as_data`: inline CSS and SVG, no script, no fetching."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bundler.core.markup import Content, Markup, element, page, table, together
from bundler.core.words import counted
from bundler.installer.plan.steps import Phase
from bundler.installer.run.gantt import gantt, left_out

_MIB: Final = 1 << 20
_SLOWEST: Final = 20
_COLOURS: Final = (
    "#64748b",
    "#2563eb",
    "#0d9488",
    "#7c3aed",
    "#b45309",
    "#be185d",
    "#15803d",
    "#0369a1",
    "#4d7c0f",
    "#57534e",
)
_STYLE: Final = """
.failed { fill: #dc2626; stroke: #000; stroke-width: .8 }
.key span { margin-right: 1.2em; white-space: nowrap }
.key svg { width: .8em; height: .8em; margin-right: .3em }
.bar { fill: #2563eb }
.bars td:last-child { width: 50% }
.tick { stroke: #ddd; stroke-width: .6 }
@page { size: A4 landscape; margin: 12mm }
"""

Told = Mapping[str, Any]


def as_html(data: Told) -> str:
    """The whole page. Strings of hosts are text here, whatever is in them."""
    return page(
        f"{data['site']}: {data['title']}",
        _STYLE + "".join(f".p-{phase.value} {{ fill: {colour} }}\n" for phase, colour in _colours()),
        *_head(data),
        *_section("What went wrong", *_failures(data)),
        *_section("Findings", _findings(data)),
        *_section("Steps by host", *_chart(data)),
        *_section("Bytes by host", _bytes(data)),
        *_section("Phases", _phases(data)),
        *_section(f"The {_SLOWEST} slowest steps", _slowest(data)),
        *_section("Nodes", _nodes(data)),
        *_section("Versions", _versions(data)),
        *_section("Hosts", _hosts(data)),
    )


def _colours() -> Iterator[tuple[Phase, str]]:
    return zip(Phase, _COLOURS, strict=True)


def _section(title: str, *parts: Markup) -> Iterator[Markup]:
    """Nothing where nothing is to be said."""
    if any(part.text for part in parts):
        yield element("section", element("h2", title), *parts)


def _head(data: Told) -> Iterator[Markup]:
    word = "done" if data["ok"] else "failed"
    mark = element("span", "✓ " if data["ok"] else "✗ ", class_="ok" if data["ok"] else "bad")
    yield element("h1", mark, f"{data['site']}: {word}")
    steps = counted(len(data["steps"]), "step")
    before = f", {data['done_before']} done before" if data["done_before"] else ""
    left = f", {data['left']} left" if data["left"] else ""
    yield element("p", f"{data['title']}: {steps} in {data['seconds']:.1f} s{before}{left}")
    if data["log"]:
        yield element("p", f"Log: {data['log']}")


def _failures(data: Told) -> Iterator[Markup]:
    if data["error"]:
        yield element("pre", data["error"])
    rows: list[tuple[Content, ...]] = [
        (each["host"], each["id"], element("pre", each["error"])) for each in data["failed"]
    ]
    yield table(("host", "step", "why"), rows)
    yield table(("left out", "why"), [(host, element("pre", why)) for host, why in data["lost"].items()])


def _findings(data: Told) -> Markup:
    rows: list[tuple[Content, ...]] = [
        (each["severity"], each["id"], each["where"], each["text"]) for each in data["findings"]
    ]
    return table(("severity", "id", "where", "what"), rows)


def _chart(data: Told) -> Iterator[Markup]:
    drawn = gantt(data)
    yield drawn
    if not drawn.text:
        return
    used = {each["phase"] for each in (*data["steps"], *data["failed"])}
    keys = [_key(f"p-{phase.value}", phase.value) for phase, _ in _colours() if phase.value in used]
    failed = [_key("failed", "failed")] if data["failed"] else []
    yield element("p", *keys, *failed, class_="key")
    if missing := left_out(data):
        yield element("p", f"{counted(missing, 'step')} not drawn; the JSON report has all of them.")


def _key(kind: str, name: str) -> Markup:
    box = element("svg", element("rect", class_=kind, width=10, height=10), viewBox="0 0 10 10")
    return element("span", box, name)


def _bytes(data: Told) -> Markup:
    sent: Mapping[str, int] = data["sent"]
    most = max(sent.values(), default=0)
    rows: list[tuple[Content, ...]] = [
        (host, f"{size / _MIB:,.1f} MiB", _bar(size / most))
        for host, size in sorted(sent.items(), key=lambda pair: -pair[1])
        if size
    ]
    return table(("host", "sent, or found there", ""), rows, class_="bars")


def _bar(share: float) -> Markup:
    bar = element("rect", class_="bar", width=f"{share * 100:.1f}", height=3)
    return element("svg", bar, viewBox="0 0 100 3", preserveAspectRatio="none")


def _phases(data: Told) -> Markup:
    rows: list[tuple[Content, ...]] = [(name, f"{seconds:.1f} s") for name, seconds in data["phases"].items()]
    return table(("phase", "from its first step to its last; phases overlap"), rows)


def _slowest(data: Told) -> Markup:
    steps = sorted((*data["steps"], *data["failed"]), key=lambda each: -each["seconds"])[:_SLOWEST]
    rows: list[tuple[Content, ...]] = [
        (each["id"], each["host"], f"{each['start']:.1f} s", f"{each['seconds']:.1f} s") for each in steps
    ]
    return table(("step", "host", "began", "took"), rows)


def _nodes(data: Told) -> Markup:
    return element("pre", "\n".join(data["nodes"])) if data["nodes"] else Markup("")


def _versions(data: Told) -> Markup:
    return table(("part", "version"), [(name, text) for name, text in data["versions"].items() if text])


def _hosts(data: Told) -> Markup:
    rows: list[tuple[Content, ...]] = [(each["address"], ", ".join(each["roles"])) for each in data["hosts"]]
    return together(table(("host", "roles"), rows))
