"""The catalogue's entries, as the tests look at them."""

from functools import cache
from pathlib import Path

from bundler.builder.catalogue.entry import Entry, Kind, entries, read_entry
from bundler.builder.cli.context_lint import with_context
from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.kubefile.instructions import App, Include, Instruction, Run
from bundler.builder.kubefile.lint import Report, lint
from bundler.builder.kubefile.parser import read
from bundler.core.oci import AMD64

CATALOGUE = Catalogue(default_catalogue())
NAMES = CATALOGUE.names()


def kubefile(name: str) -> Path:
    return CATALOGUE.root / name / "Kubefile"


@cache
def entry(name: str) -> Entry:
    found = read_entry(CATALOGUE.root / name)
    assert found is not None, f"{name} has no entry.yaml"
    return found


@cache
def instructions(name: str) -> tuple[Instruction, ...]:
    return read(kubefile(name).read_text(encoding="utf-8"), name).kubefile.instructions


def linted(path: Path) -> Report:
    report = lint(path, CATALOGUE)
    return report if report.errors else with_context(report, path, path.parent, AMD64, (), ())


@cache
def blocks() -> tuple[Entry, ...]:
    """Those that are laid over a base; a pod network is none of them: the base builds on it."""
    return tuple(
        one
        for one in entries(CATALOGUE)
        if one.kind is Kind.BLOCK and one.name != "tools" and not one.name.startswith("network-")
    )


def apps_of(name: str) -> frozenset[str]:
    """The apps of a block, and of the blocks that it includes itself."""
    own = {one.name.text for one in instructions(name) if isinstance(one, App)}
    return frozenset(own.union(*(apps_of(inner) for inner in included(name)), set()))


def included(name: str) -> tuple[str, ...]:
    return tuple(word.text for one in instructions(name) if isinstance(one, Include) for word in one.names)


def composed_here(name: str) -> bool:
    """Whether its images are made while it is built, out of packages or modules."""
    return any(isinstance(one, Run) for one in instructions(name))


def expected_of(one: Entry, other: Entry) -> str:
    """The rule that refuses two blocks together, "" where they go together."""
    if set(one.ports) & set(other.ports):
        return "include-port"
    shared = {*included(one.name), one.name} & {*included(other.name), other.name}
    common = frozenset().union(*(apps_of(name) for name in shared))
    return "include-app" if (apps_of(one.name) & apps_of(other.name)) - common else ""
