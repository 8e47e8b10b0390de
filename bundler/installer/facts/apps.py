"""Apps as the cluster shows them: what was noted of each, Helm's own storage, which objects are there. Pure.

A note is a config map in kube-system, written when an app is up. Helm's storage tells what became of a
release since; objects that a note names and nobody finds were deleted by hand.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bundler.installer.facts.answer_json import read_json
from bundler.installer.facts.api import Release
from bundler.installer.facts.numbers import whole

Sections = Mapping[str, Sequence[str]]
_MOST = 1 << 31  # revisions, which Helm counts in an int
_ALWAYS = "v1 Namespace - kube-system"  # its line says that objects were looked for


@dataclass(frozen=True, slots=True)
class _Stored:
    """The newest revision of a release in Helm's storage."""

    namespace: str
    name: str
    status: str
    revision: int


def releases(sections: Sections) -> dict[str, Release]:
    """By the app's name; what has no note belongs to others, and is listed under NAMESPACE/NAME."""
    stored = {(each.namespace, each.name): each for each in _newest(sections.get("app-releases", ()))}
    listed = "answered" in sections.get("app-releases", ())
    here = _here(sections.get("app-objects", ()))
    found: dict[str, Release] = {}
    for data in _notes(sections.get("app-notes", ())).values():
        release = _noted(data)
        if release.kind == "helm" and listed:
            kept = stored.pop((release.namespace, release.name), None)
            release = replace(
                release,
                status=kept.status if kept else "",
                revision=kept.revision if kept else release.revision,
            )
        found[release.name] = _with_objects(release, data.get("objects", ""), here)
    return found | {
        f"{each.namespace}/{each.name}": Release(
            each.name, "", each.status, each.revision, namespace=each.namespace, kind="helm"
        )
        for each in stored.values()
    }


def _notes(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """Data of each config map; values are quoted as Go quotes them, which JSON reads but for odd bytes."""
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        name, key, quoted = [*line.split("\t", 2), "", ""][:3]
        with contextlib.suppress(ValueError):
            found.setdefault(name, {})[key] = str(read_json(quoted))
    return {name: data for name, data in found.items() if data.get("name")}


def _noted(data: Mapping[str, str]) -> Release:
    text = data.get("revision", "")
    revision = _number(text)
    return Release(
        name=data["name"],
        digest=data.get("content", ""),
        revision=revision,
        noted=revision,
        namespace=data.get("namespace", ""),
        chart=data.get("chart", ""),
        version=data.get("version", ""),
        product=data.get("product", ""),
        kind=data.get("kind", ""),
        role=data.get("role", ""),
    )


def _number(text: str) -> int:
    """A revision, which counts from 1; 0 for what is none."""
    with contextlib.suppress(ValueError):
        return whole(text, most=_MOST)
    return 0


def _newest(lines: Iterable[str]) -> Iterator[_Stored]:
    """Rows NAMESPACE SECRET TYPE DATA AGE NAME STATUS VERSION; a release has a secret a revision."""
    found: dict[tuple[str, str], _Stored] = {}
    for line in lines:
        match line.split():
            case [home, _, "helm.sh/release.v1", _, _, name, status, version] if number := _number(version):
                known = found.get((home, name))
                if known is None or known.revision < number:
                    found[home, name] = _Stored(home, name, status, number)
    yield from found.values()


def _here(lines: Sequence[str]) -> dict[str, str] | None:
    """Replicas by object, None where no host could be asked."""
    if _ALWAYS not in lines:
        return None
    rows = (line.split() for line in lines)
    return {" ".join(row[:4]): row[4] if len(row) > 4 else "" for row in rows if len(row) >= 4}


def _with_objects(release: Release, noted: str, here: Mapping[str, str] | None) -> Release:
    if here is None:
        return release
    rows = [row for row in (line.split() for line in noted.splitlines()) if len(row) >= 4]
    missing = tuple(_spoken(row) for row in rows if " ".join(row[:4]) not in here)
    changed = tuple(
        f"{_spoken(row)} ({now} replicas, not {row[4]})"
        for row in rows
        if len(row) > 4 and (now := here.get(" ".join(row[:4]), row[4])) != row[4]
    )
    return replace(release, missing=missing, changed=changed)


def _spoken(row: Sequence[str]) -> str:
    """`Deployment shop/web`."""
    _, kind, namespace, name = row[:4]
    return f"{kind} {name if namespace == '-' else f'{namespace}/{name}'}"
