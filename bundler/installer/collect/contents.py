"""What was collected: the list of its files, as JSON, as a page, and what was masked. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from bundler.core.markup import Content, Markup, element, page, table
from bundler.core.words import counted, mebibytes
from bundler.installer.status.amounts import minute
from bundler.installer.status.data import as_data
from bundler.installer.status.model import Status

SCHEMA: Final = 1
KIND: Final = "bundler-collection"
_STYLE: Final = ".mono { font-family: monospace; font-size: 12px }\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the archive. host: "" for what this machine knows. masked: how many secrets of which kind."""

    path: str
    host: str
    size: int
    masked: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """The whole. left_out: files for which there was no room. silent: hosts that gave nothing, and why."""

    site: str
    moment: float
    limit: int
    status: Status
    files: tuple[File, ...] = ()
    left_out: tuple[File, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def masked(self) -> int:
        """How many secrets were masked in all."""
        return sum(number for each in self.files for number in each.masked.values())


def as_json(found: Collection) -> str:
    """For `bundler inspect` and other programs; keys are only added to."""
    told = {
        "schema": SCHEMA,
        "kind": KIND,
        "site": found.site,
        "created": found.moment,
        "limit": found.limit,
        "status": as_data(found.status),
        "files": [_file(each) for each in found.files],
        "left_out": [_file(each) for each in found.left_out],
        "silent": dict(found.silent),
        "masked": found.masked,
    }
    return json.dumps(told, indent=1, ensure_ascii=True) + "\n"


def _file(each: File) -> dict[str, Any]:
    return {
        "path": each.path,
        "host": each.host,
        "bytes": each.size,
        "masked": dict(each.masked),
        "cut": each.cut,
    }


def masked_text(found: Collection) -> str:
    """What was masked where: kinds and counts, nothing of the secrets."""
    lines = [f"{counted(found.masked, 'secret')} masked; each stands as ***"]
    lines += [f"{each.path}: {_counts(each.masked)}" for each in found.files if each.masked]
    return "\n".join(lines) + "\n"


def _counts(masked: Mapping[str, int]) -> str:
    return ", ".join(f"{number} x {kind}" for kind, number in sorted(masked.items()))


def as_html(found: Collection) -> str:
    """The page to begin with; what hosts say is text in it."""
    status = found.status
    product = f"{status.product} {status.version}, Kubernetes {status.kubernetes}"
    kinds = Counter[str]()
    for each in found.files:
        kinds.update(each.masked)
    limit = mebibytes(found.limit)
    left = ((each.path, mebibytes(each.size)) for each in found.left_out)
    return page(
        f"{found.site}: collected",
        _STYLE,
        element("h1", f"{found.site}: collected {minute(found.moment)}"),
        element("p", f"{product}; state: {status.state.value}"),
        *_section("Hosts that gave nothing", ("host", "why"), found.silent.items()),
        *_status(status),
        *_files(found.files),
        *_section(f"Left out, because of the limit of {limit}", ("file", "size"), left),
        *_section("Masked secrets, by kind", ("kind", "how many"), sorted(kinds.items())),
    )


def _status(status: Status) -> Iterable[Markup]:
    findings = (
        (each.severity.value, each.id, ", ".join(each.hosts) or each.subject, each.text)
        for each in status.findings
    )
    hosts = (
        (each.address, each.node, ", ".join(each.roles), each.state, each.kubelet, each.containerd, each.os)
        for each in status.hosts
    )
    heads = ("host", "node", "roles", "state", "kubelet", "containerd", "system")
    parts = ((each.name, each.state.value, each.count, each.detail) for each in status.parts)
    yield from _section("Findings", ("severity", "id", "where", "what"), findings)
    yield from _section("Parts", ("part", "state", "", ""), parts)
    yield from _section("Hosts", heads, hosts)


def _section(title: str, heads: tuple[str, ...], rows: Iterable[tuple[Content, ...]]) -> Iterable[Markup]:
    made = table(heads, list(rows))
    return (element("section", element("h2", title), made),) if made.text else ()


def _files(files: Iterable[File]) -> Iterable[Markup]:
    by_host: dict[str, list[File]] = {}
    for each in files:
        by_host.setdefault(each.host, []).append(each)
    for host, found in by_host.items():
        rows: list[tuple[Content, ...]] = [
            (
                element("a", each.path, href=quote(each.path), class_="mono"),
                f"{each.size:,} bytes{', cut' if each.cut else ''}",
                _counts(each.masked),
            )
            for each in found
        ]
        yield from _section(f"Files of {host}" if host else "Files", ("file", "size", "masked"), rows)
