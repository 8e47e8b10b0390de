"""The corpus for several platforms: a hostile second index, and what can't be between two of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from bundler.core.archive.platforms import PARTS, section_name
from bundler.core.archive.seal import REQUIRED
from bundler.core.errors import ExitCode
from tests.kits.archive.hostile_cases import LIES, cut_at, flip_gap, flip_section, indexes, lied
from tests.kits.archive.hostile_kit import SECOND, Base, Case, Document, Parts

_NAMES = tuple(section_name(part, SECOND) for part in PARTS)
_UNSUPPORTED = frozenset({ExitCode.UNSUPPORTED})


def corpus() -> tuple[Case, ...]:
    """All of them, for a base of two platforms; names are unique."""
    cases = (*indexes(), *_spoiled(), *_sections(), *_between())
    return tuple(replace(case, name=f"second-{case.name}") for case in cases)


def _spoiled() -> Iterator[Case]:
    for number, name in enumerate(_NAMES, len(REQUIRED)):
        for step in range(16):
            yield Case(f"flip-{name}-{step}", partial(flip_section, name=name, step=step))
        for step in range(4):
            yield Case(f"flip-gap-{name}-{step}", partial(flip_gap, name=name, step=step))
        for by in (-1, 0, 1):
            yield Case(f"cut-at-{name}{by:+}", partial(cut_at, number=2 * number, by=by))
        for column in (1, 2):
            for lie in LIES:
                edit = partial(lied, number=number + 4, column=column, lie=lie.encode())
                yield Case(f"place-{name}-{column}-{lie}", lambda base, edit=edit: base.parts.build(edit))


# Sections that are not those of a further platform.


def _sections() -> Iterator[Case]:
    for part, name in zip(PARTS, _NAMES, strict=True):
        yield _ordered(f"without-{part}", [each for each in _NAMES if each != name])
    yield _ordered("swapped", (_NAMES[1], _NAMES[0], *_NAMES[2:]))
    yield _ordered("backwards", _NAMES[::-1])
    yield Case("of-the-first-one", lambda base: _renamed(base, "linux-amd64").build())
    yield Case("of-the-first-one-again", _same_architecture)
    yield Case("of-another-one", lambda base: _renamed(base, "linux-riscv64").build())
    yield Case("of-no-architecture", lambda base: _renamed(base, "linux").build(), _UNSUPPORTED)
    yield Case("of-four-parts", lambda base: _renamed(base, "linux-arm-v7-x").build(), _UNSUPPORTED)
    yield Case("twice", _twice)
    for name in ("Linux-ARM64", "-", "linux-arm64-", "linux_arm64", "linux/arm64"):
        codes = frozenset({ExitCode.INTEGRITY, ExitCode.UNSUPPORTED})
        yield Case(f"of-{name}", lambda base, name=name: _renamed(base, name).build(), codes)


def _ordered(name: str, order: tuple[str, ...] | list[str]) -> Case:
    def make(base: Base) -> bytes:
        sections = base.parts.sections
        kept = {each: sections[each] for each in REQUIRED} | {each: sections[each] for each in order}
        return replace(base.parts, sections=kept).build()

    return Case(f"sections-{name}", make)


def _renamed(base: Base, slug: str) -> Parts:
    sections = {name.replace("linux-arm64", slug): data for name, data in base.parts.sections.items()}
    return replace(base.parts, sections=sections)


def _same_architecture(base: Base) -> bytes:
    parts = _renamed(base, "linux-amd64-v2")
    parts = replace(parts, at=base.at.replace("arm64", "amd64-v2"))
    return parts.index(parts.document | {"platform": "linux/amd64/v2"}).build()


def _twice(base: Base) -> bytes:
    again = {name.replace("arm64", "arm"): data for name, data in base.parts.sections.items()}
    return replace(base.parts, sections={**base.parts.sections, **again}).build()


# Two indexes that are each right by themselves.


def _between() -> Iterator[Case]:
    yield _case(
        "member-inside-of-another", lambda own, first: own.update(offset=first["offset"] + 1, length=1)
    )
    yield _case("member-over-another", lambda own, first: own.update(offset=first["offset"] + 5))
    yield _case("frame-under-another-name", lambda own, first: own.update(first, path="root/bin/other"))
    yield _case("frame-of-another-mode", lambda own, first: own.update(first, mode=0o755))
    yield _case("frame-of-another-size", lambda own, first: own.update(first, size=first["size"] + 1))
    yield _case("frame-of-another-digest", lambda own, first: own.update(first, digest="sha256:" + "0" * 64))
    yield _case("frame-cut", lambda own, first: own.update(first, length=first["length"] - 1))
    for path in ("platforms", "platforms/linux-arm64/root/bin/x", "platforms/x"):
        yield _case(f"member-at-{path}", lambda own, _first, path=path: own.update(path=path))
        yield Case(f"first-member-at-{path}", partial(_first_at, path=path))


def _case(name: str, change: Callable[[Document, Document], object]) -> Case:
    """The second's first member says something else, knowing the first's first."""

    def make(base: Base) -> bytes:
        document, first = base.parts.document, replace(base.parts, at="index").document
        change(document["members"][0], first["members"][0])
        return base.parts.index(document).build()

    return Case(f"between-{name}", make)


def _first_at(base: Base, *, path: str) -> bytes:
    return replace(base.parts, at="index").member(0, path=path).build()
