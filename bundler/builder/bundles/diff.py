"""What differs between two bundles for one platform. Pure but for `side_of`, which reads.

Blobs are compared by digest, never byte by byte: two bundles of many gigabytes are compared in no time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import AppKind, Image, Index, Member
from bundler.core.reference import Reference
from bundler.core.yamldoc import load_all

_MOST = 4 << 20  # bytes of a values file or a Chart.yaml
_VALUES = ("values.yaml", "values.yml")
_BLOBS = "images/blobs/"
_ABOUT = ("images/", "sbom/")  # members that only repeat what is compared in other words


class Section(StrEnum):
    """What is compared."""

    BUNDLE = "bundle"  # name, version, platform, labels, environment, what is launched
    IMAGES = "images"
    CHARTS = "charts"
    VALUES = "values"
    PACKAGES = "packages"
    FILES = "files"


class How(StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One difference.

    old, new: in words, None where there is none. grown: bytes by which it became larger, None where it has
    no size of its own. platforms: where it is so on some of the bundles' platforms only, these; else none.
    """

    section: Section
    how: How
    name: str
    old: str | None
    new: str | None
    grown: int | None = None
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two bundles, for one platform.

    size: bytes of the file. charts: `NAME VERSION` by the chart's folder. values: flat, by `FILE: KEY.KEY`.
    """

    index: Index
    size: int
    charts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, by section and name; the bundles' sizes in bytes, and what the new one alone holds.

    fresh: bytes of members that the old one has no member with the same digest for. old, new: of several
    platforms the first one; old_platforms, new_platforms: all.
    """

    old: Side
    new: Side
    changes: tuple[MemberChange, ...]
    fresh: int
    old_platforms: tuple[str, ...] = ()
    new_platforms: tuple[str, ...] = ()


def diff(old: Side, new: Side) -> Difference:
    """Compare two bundles."""
    sections = (
        (Section.BUNDLE, _heading(old.index), _heading(new.index)),
        (Section.IMAGES, _images(old.index), _images(new.index)),
        (Section.CHARTS, _plain(old.charts), _plain(new.charts)),
        (Section.VALUES, _plain(old.values), _plain(new.values)),
        (Section.PACKAGES, _packages(old.index), _packages(new.index)),
        (Section.FILES, _files(old.index), _files(new.index)),
    )
    changes = [change for section, one, other in sections for change in _compared(section, one, other)]
    return Difference(old, new, tuple(changes), fresh_bytes((old,), (new,)))


def fresh_bytes(old: Sequence[Side], new: Sequence[Side]) -> int:
    """Bytes of members that the new one's platforms have, and none of the old one's."""
    known = {member.digest for side in old for member in side.index.members}
    members = (member for side in new for member in side.index.members)
    return sum({member.digest: member.size for member in members if member.digest not in known}.values())


@dataclass(frozen=True, slots=True)
class _Thing:
    """What is compared: `told` is what people see, `same` what decides, `size` bytes where it has some."""

    told: str
    same: object
    size: int | None = None


def _compared(
    section: Section, old: Mapping[str, _Thing], new: Mapping[str, _Thing]
) -> Iterable[MemberChange]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before is None and after is not None:
            yield MemberChange(section, How.ADDED, name, None, after.told, after.size)
        elif before is not None and after is None:
            yield MemberChange(section, How.REMOVED, name, before.told, None, _negative(before.size))
        elif before is not None and after is not None and before.same != after.same:
            sizes = before.size is not None and after.size is not None
            grown = (after.size or 0) - (before.size or 0) if sizes else None
            yield MemberChange(section, How.CHANGED, name, before.told, after.told, grown)


def _negative(size: int | None) -> int | None:
    return None if size is None else -size


def _plain(texts: Mapping[str, str]) -> dict[str, _Thing]:
    return {name: _Thing(text, text) for name, text in texts.items()}


def _heading(index: Index) -> dict[str, _Thing]:
    pairs = {
        "name": index.name,
        "version": index.version,
        "platform": index.platform,
        "kubernetes": index.kubernetes,
        "kubernetes versions": " ".join(index.kube_versions),
        "launches": " ".join(index.launch),
        "commands": "; ".join(index.commands),
    }
    pairs |= {f"label {name}": text for name, text in index.labels.items()}
    pairs |= {f"env {name}": text for name, text in index.env.items()}
    pairs |= {f"app {app.name}": f"{app.kind} {app.role}" for app in index.apps}
    pairs |= {f"app {app.name} commands": _commands(app.commands) for app in index.apps if app.commands}
    pairs |= {f"app {app.name} env {name}": text for app in index.apps for name, text in app.env.items()}
    return _plain({name: text for name, text in pairs.items() if text})


def _commands(commands: Iterable[Iterable[str]]) -> str:
    return "; ".join(" ".join(command) for command in commands)


def _images(index: Index) -> dict[str, _Thing]:
    """By repository where it has but one tag in the bundle, so that a new tag is a change; else by name."""
    by_repository: dict[str, list[Image]] = {}
    for image in index.images:
        by_repository.setdefault(_repository(image), []).append(image)
    things: dict[str, _Thing] = {}
    for repository, images in by_repository.items():
        for image in images:
            name = repository if len(images) == 1 else image.name
            told = f"{image.name.removeprefix(repository).lstrip(':') or 'untagged'} {_short(image)}"
            things[name] = _Thing(told, (image.name, image.digest), _image_size(image, index))
    return things


def _repository(image: Image) -> str:
    reference = Reference.parse(image.name)
    return f"{reference.registry}/{reference.repository}"


def _short(image: Image) -> str:
    return f"({image.digest.hex[:12]})"


def _image_size(image: Image, index: Index) -> int:
    members = (index.member(f"{_BLOBS}sha256/{digest.hex}") for digest in image.digests)
    return sum(member.size for member in members if member is not None)


def _packages(index: Index) -> dict[str, _Thing]:
    """By name; where a name comes twice, by version too."""
    things: dict[str, _Thing] = {}
    for package in index.packages:
        name = f"{package.suite} {package.name} {package.architecture}"
        member = index.member(package.path)
        digest = member.digest if member else None
        name = f"{name} {package.version}" if name in things else name
        things[name] = _Thing(package.version, (package.version, digest), member.size if member else 0)
    return things


def _files(index: Index) -> dict[str, _Thing]:
    """All that isn't told as an image or package, and isn't made from what is."""
    packages = {package.path for package in index.packages}
    return {
        member.path: _Thing(_describe(member), (member.digest, member.mode), member.size)
        for member in index.members
        if not member.path.startswith(_ABOUT) and member.path not in packages
    }


def _describe(member: Member) -> str:
    return f"{member.size} bytes, {member.mode:o} ({member.digest.hex[:12]})"


def side_of(bundle: Bundle) -> Side:
    """What is compared of an open .run.

    Raises BundlerError (INTEGRITY) when a member isn't what the index says.
    """
    charts: dict[str, str] = {}
    values: dict[str, str] = {}
    folders = tuple(f"{app.path}/" for app in bundle.index.apps if app.kind is AppKind.HELM)
    for member in bundle.index.members:
        name = member.path.rpartition("/")[2]
        if not member.path.startswith(folders) or member.size > _MOST:
            continue
        if name == "Chart.yaml":
            charts |= _chart(member, bundle)
        elif name in _VALUES:
            values |= _values(member, bundle)
    return Side(bundle.index, bundle.seal.file_size, charts, values)


def _chart(member: Member, bundle: Bundle) -> dict[str, str]:
    document = _document(member, bundle)
    if not isinstance(document, dict):
        return {}
    app = f" (app {document['appVersion']})" if document.get("appVersion") else ""
    folder = member.path.rpartition("/")[0]
    return {folder: f"{document.get('name')} {document.get('version')}{app}"}


def _values(member: Member, bundle: Bundle) -> dict[str, str]:
    found = _document(member, bundle)
    if not isinstance(found, dict):
        return {}
    return {f"{member.path}: {key}": text for key, text in _flat(found, ())}


def _flat(value: object, path: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    match value:
        case dict() if value:
            for key, inner in value.items():
                yield from _flat(inner, (*path, str(key)))
        case list() if value:
            for number, inner in enumerate(value):
                yield from _flat(inner, (*path, str(number)))
        case _:
            yield ".".join(path), repr(value) if isinstance(value, str) else str(value)


def _document(member: Member, bundle: Bundle) -> Any:
    """The first document of a YAML file; None of one that isn't well-formed, which `files` shows anyway."""
    data = bundle.read(member, limit=_MOST)
    try:
        documents = load_all(data, member.path)
    except BundlerError as error:
        if error.code is not ExitCode.INPUT:
            raise
        return None
    return documents[0].data if documents else None
