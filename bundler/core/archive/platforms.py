"""A .run for several platforms: which sections and members are whose (docs/format.md, "Several platforms").

The six sections that every .run has are those of its first platform. Each further one has four of its own,
named after it; the archive is everybody's, and what is the same for all is in it once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

from bundler.core.archive.seal import OF_PLATFORM, Seal, refuse
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member

PARTS: Final = ("runtime", "index", "info", "list")  # of each further platform, in this order
FOLDER: Final = "platforms"  # of the tar; what can't lie at its own path is in FOLDER/linux-arm64/
IMAGES: Final = "images/platforms.json"  # of the tar; names image indexes where platforms have other images
_LONGEST: Final = 23  # characters of a platform that the name of a section has room for

_Same = TypeVar("_Same")


@dataclass(frozen=True, slots=True)
class Edition:
    """A further platform of a .run that is being written.

    meta: its index, still without members. runtime: its frozen installer. names: its members' paths, and
    under which name each is in the tar.
    """

    meta: Index
    runtime: Path
    names: Mapping[str, str]


def section_name(part: str, platform: str) -> str:
    """The section of a further platform: `runtime-linux-arm64!`."""
    return f"{part}-{_slug(platform)}!"


def folder_of(platform: str) -> str:
    """Where in the tar the members of a further platform are that can't lie at their own paths."""
    return f"{FOLDER}/{_slug(platform)}"


def platforms_of(seal: Seal) -> tuple[str, ...]:
    """All platforms that a .run is for, the first one first.

    Raises BundlerError (INTEGRITY) where one of them has not exactly its four sections, in their order.
    """
    found = [match for each in seal.sections if (match := OF_PLATFORM.fullmatch(each.name))]
    others = tuple(dict.fromkeys(match["platform"].replace("-", "/") for match in found))
    expected = [section_name(part, platform) for platform in others for part in PARTS]
    if [match[0] for match in found] != expected:
        refuse("the seal's sections are not those of its platforms")
    return (seal.platform, *others)


def own_section(seal: Seal, part: str, platform: str) -> str:
    """What the section `part` of one of the platforms is called."""
    return part if platform == seal.platform else section_name(part, platform)


def index_size(seal: Seal, platforms: Iterable[str]) -> int:
    """Bytes of all indexes together."""
    return sum(seal.section(own_section(seal, "index", platform)).length for platform in set(platforms))


def choose(platforms: Sequence[str], wanted: str) -> str | None:
    """The platform that is meant by `linux/arm64`, or by `arm64` alone; None where it is none of them."""
    by_name = {**{_architecture(each): each for each in platforms}, **{each: each for each in platforms}}
    return by_name.get(wanted)


def check_platforms(platforms: Sequence[str]) -> None:
    """See that one file can be for all of these. Raises BundlerError (UNSUPPORTED)."""
    long = next((each for each in platforms if len(each) > _LONGEST), None)
    if long is not None:
        why = f"{long} has more than {_LONGEST} characters"
    elif len({_architecture(each) for each in platforms}) < len(platforms):
        why = "two of the platforms have one architecture, and that is all that tells which one a machine is"
    else:
        return
    raise BundlerError(
        f"one file can't be for {', '.join(platforms)}",
        why=why,
        code=ExitCode.UNSUPPORTED,
        fix="leave --universal out: a .run is made for each",
    )


def faults(indexes: Sequence[Index]) -> Iterator[str]:
    """Everything wrong between the indexes of one archive; each by itself is seen to by `index_rules`."""
    first, *others = indexes
    if not others:
        return
    for index in others:
        if (index.name, index.version) != (first.name, first.version):
            yield f"the index of {index.platform} is of {index.name[:140]!r} {index.version[:140]!r}"
    if len({_architecture(index.platform) for index in indexes}) < len(indexes):
        yield "two platforms have one architecture"
    for index in indexes:
        for member in index.members:
            if member.path == FOLDER or member.path.startswith(f"{FOLDER}/"):
                yield f"member {member.path!r} lies where those of further platforms are"
    every = {member for index in indexes for member in index.members}  # what is the same is here once
    for before, after in pairwise(sorted(every, key=lambda each: (each.offset, each.length, each.path))):
        if before.offset + before.length > after.offset:
            yield f"members {before.path!r} and {after.path!r} of two platforms overlap"


def tar_names(
    platforms: Sequence[str], contents: Sequence[Mapping[str, _Same]]
) -> tuple[dict[str, str], ...]:
    """For each platform, its members' paths and the names that they have in the tar.

    contents: of each platform, by path; two that are equal are one in the archive. A member keeps its path
    as its name unless an earlier platform has something else there, or a folder where this one has a file.
    """
    taken: dict[str, _Same] = {}
    folders: set[str] = set()
    named = []
    for platform, members in zip(platforms, contents, strict=True):
        names = {
            path: path if _fits(path, same, taken, folders) else f"{folder_of(platform)}/{path}"
            for path, same in members.items()
        }
        taken |= {name: members[path] for path, name in names.items()}
        folders.update(above for name in names.values() for above in _above(name))
        named.append(names)
    return tuple(named)


def tar_entries(indexes: Sequence[Index]) -> tuple[Member, ...]:
    """All members of all platforms under their names in the tar, each once, in the order they lie in."""
    if len(indexes) == 1:
        return indexes[0].members
    known = [{each.path: (each.offset, each.mode) for each in index.members} for index in indexes]
    entries: dict[str, Member] = {}
    for index, names in zip(indexes, tar_names([index.platform for index in indexes], known), strict=True):
        for each in index.members:
            entries.setdefault(names[each.path], replace(each, path=names[each.path]))
    return tuple(sorted(entries.values(), key=lambda each: each.offset))


def _fits(path: str, same: _Same, taken: Mapping[str, _Same], folders: set[str]) -> bool:
    if path in taken:
        return taken[path] == same
    return path not in folders and not any(above in taken for above in _above(path))


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _slug(platform: str) -> str:
    """A platform as it stands in names: its parts hold no dash, so it can be read back."""
    return platform.replace("/", "-")


def _architecture(platform: str) -> str:
    return platform.split("/")[1]
