"""Measures the package's own import graph: `python -m tests.house [FOLDER]`, what `make house` prints.

A room is a folder of a program (`bundler/builder/oci`), or a module that lies loose beside folders; core is
one room. An arrow stands for all imports from one room into another. Rooms that import each other, directly
or not, form a circle. A floor holds rooms that import only from floors below; an arrow in a circle runs up.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

Arrows = Mapping[str, frozenset[str]]
_PROGRAMS = ("bundler.builder", "bundler.installer")


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted of a house."""

    rooms: int
    loose: int  # rooms that are a single module beside folders
    arrows: int
    floors: tuple[tuple[str, ...], ...]  # from the ground up; empty where there are circles
    circles: tuple[tuple[str, ...], ...]


def arrows_of(package: str = "bundler") -> tuple[Arrows, frozenset[str]]:
    """The rooms with the rooms that each imports, and which of them are loose modules."""
    graph = grimp.build_graph(package)
    folders = {module for module in graph.modules if graph.find_children(module)}

    def room(module: str) -> str:
        parts = module.split(".")
        return ".".join(parts[:3]) if module.startswith(_PROGRAMS) else ".".join(parts[:2])

    rooms: dict[str, set[str]] = {room(module): set() for module in graph.modules if module.count(".") > 0}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if module.count(".") and imported.count(".") and room(module) != room(imported):
                rooms[room(module)].add(room(imported))
    faces = {*_PROGRAMS}
    arrows = {name: frozenset(others - faces) for name, others in rooms.items() if name not in faces}
    return arrows, frozenset(name for name in arrows if name not in folders)


def circles_of(arrows: Arrows) -> tuple[tuple[str, ...], ...]:
    """Groups of rooms that reach each other."""
    reach = {name: _reachable(name, arrows) for name in arrows}
    groups = {frozenset(b for b in reach[a] if a in reach[b]) for a in arrows if a in reach[a]}
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def floors_of(arrows: Arrows) -> tuple[tuple[str, ...], ...]:
    """The rooms by floor, from the ground up; nothing where there are circles."""
    sorter = TopologicalSorter(arrows)
    try:
        sorter.prepare()
    except CycleError:
        return ()
    floors = []
    while sorter.is_active():
        ready = sorter.get_ready()
        floors.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(floors)


def measure(arrows: Arrows, loose: Iterable[str]) -> Measure:
    """Count."""
    return Measure(
        rooms=len(arrows),
        loose=len(list(loose)),
        arrows=sum(len(others) for others in arrows.values()),
        floors=floors_of(arrows),
        circles=circles_of(arrows),
    )


def _reachable(start: str, arrows: Arrows) -> frozenset[str]:
    seen: set[str] = set()
    todo = list(arrows.get(start, ()))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(arrows.get(name, ()))
    return frozenset(seen)


def _main() -> None:
    if len(sys.argv) > 1:
        sys.path.insert(0, str(Path(sys.argv[1]).resolve()))
    found = measure(*arrows_of())
    print(f"{found.rooms} rooms ({found.loose} loose modules), {found.arrows} arrows")  # noqa: T201
    print(f"{len(found.floors)} floors, {len(found.circles)} circles of rooms")  # noqa: T201
    for number, floor in reversed(list(enumerate(found.floors, 1))):
        print(f"floor {number:2}  {'  '.join(name.removeprefix('bundler.') for name in floor)}")  # noqa: T201
    for circle in found.circles:
        print("circle   " + " <-> ".join(name.removeprefix("bundler.") for name in circle))  # noqa: T201


if __name__ == "__main__":
    _main()
