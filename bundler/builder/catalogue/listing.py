"""The catalogue as text: a table, one entry in full, a search. Pure."""

from collections.abc import Iterable, Sequence

from bundler.builder.catalogue.entry import Entry, Tested

_HEAD = ("NAME", "VERSION", "SIZE", "NEEDS", "GIVES", "TESTED")
_TESTED = {Tested.MACHINES: "on machines", Tested.CONTRACT: "by contract"}


def table(entries: Sequence[Entry]) -> str:
    """A line an entry, and how many there are."""
    rows = [_HEAD, *map(_row, entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    tried = sum(entry.tested is Tested.MACHINES for entry in entries)
    count = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}, {tried} tested on machines."
    return "".join(f"{line.rstrip()}\n" for line in lines) + f"{count} More: bundler catalogue show NAME\n"


def markdown(entries: Sequence[Entry]) -> str:
    """The table that docs/catalogue.md has."""
    head = ("entry", "version", "size", "needs", "gives", "ports of hosts", "ready after", "run for real")
    rows = [head, ("---",) * len(head), *map(_cells, entries)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        f"[`{entry.name}`](../templates/catalog/{entry.name}/README.md)",
        entry.version,
        size(entry),
        ", ".join(entry.needs) or "-",
        ", ".join(entry.gives) or "-",
        ", ".join(map(str, entry.ports)) or "-",
        seconds(entry) or "-",
        _TESTED[entry.tested],
    )


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        entry.name,
        entry.version,
        size(entry),
        ", ".join(entry.needs) or "-",
        ", ".join(entry.gives) or "-",
        _TESTED[entry.tested],
    )


def size(entry: Entry) -> str:
    """What it adds to a bundle; "-" where it was never built here."""
    return f"{entry.size:,} MiB" if entry.size else "-"


def seconds(entry: Entry) -> str:
    """How long it took to be ready where it was run; "" where it was not, or was not measured."""
    return f"{entry.seconds} s" if entry.seconds else ""


def shown(entry: Entry, readme: str) -> str:
    """One entry in full, then its README."""
    nodes = entry.nodes
    facts = (
        ("version", entry.version),
        ("licence", entry.licence),
        ("home", entry.home),
        ("use", usage(entry)),
        ("size", size(entry)),
        ("needs", ", ".join(entry.needs)),
        ("gives", ", ".join(entry.gives)),
        ("ports", ", ".join(map(str, entry.ports))),
        ("storage", entry.storage),
        ("of hosts", ", ".join((*nodes.packages, *nodes.modules, *nodes.sysctls))),
        ("ready when", entry.ready),
        ("ready after", seconds(entry)),
        ("backup", entry.backup),
        ("tested", _TESTED[entry.tested]),
        ("pinned by", entry.pins),
    )
    lines = [f"{entry.name}: {entry.title}", *(f"  {name:<11} {text}" for name, text in facts if text)]
    return "\n".join(lines) + (f"\n\n{readme.strip()}\n" if readme.strip() else "\n")


def usage(entry: Entry) -> str:
    """The line of a Kubefile that takes it."""
    return f"{'FROM' if entry.kind == 'base' else 'INCLUDE'} {entry.name}"


def matching(entries: Iterable[Entry], words: Sequence[str]) -> tuple[Entry, ...]:
    """Entries that have every word in their name, title or what they give, whatever the case."""

    def has(entry: Entry, word: str) -> bool:
        return word.lower() in " ".join((entry.name, entry.title, *entry.gives)).lower()

    return tuple(entry for entry in entries if all(has(entry, word) for word in words))
