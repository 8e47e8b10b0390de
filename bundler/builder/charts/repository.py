"""HTTP chart repositories: what their index.yaml says of one version of one chart."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from bundler.builder.cache.store import Store
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.http import display
from bundler.core.chart_reference import ChartReference
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.yamldoc import YamlLimits, load_all

MAX_INDEX = 64 << 20  # bytes; the largest public ones have about 25 MB
_LIMITS = YamlLimits(size=MAX_INDEX, values=10_000_000)
_SCHEMES = frozenset({"https", "http", "oci"})
_LARGE = 1 << 20  # bytes from which an index is worth narrowing
_SHOWN = 8  # versions named in a message


@dataclass(frozen=True, slots=True)
class ChartEntry:
    """Where a chart's archive lies, and the digest that the index promises (None: it promises none).

    url: may be `oci://…`: Bitnami's repository, among others, leads to a registry.
    """

    url: str
    digest: Digest | None


def look_up(chart: ChartReference, fetcher: Fetcher, store: Store) -> ChartEntry:
    """Ask the repository's index. Raises BundlerError (NOT_FOUND, NETWORK, TRUST, INPUT, INTEGRITY)."""
    return _entry(chart, _version(chart, _listed(chart.repository, chart.name, fetcher, store)))


def offered(repository: str, name: str, fetcher: Fetcher, store: Store) -> tuple[str, ...]:
    """The versions that a repository has of a chart. Raises BundlerError as `look_up`."""
    return tuple(str(one.get("version", "")) for one in _listed(repository, name, fetcher, store))


def _listed(repository: str, name: str, fetcher: Fetcher, store: Store) -> list[Mapping[str, Any]]:
    """What the index says of all versions of a chart."""
    url = f"{repository}/index.yaml"
    blob = fetcher.fetch(url, login=fetcher.logins.chart(repository, url))
    if blob.size > MAX_INDEX:
        raise _bad_index(repository, f"it has {blob.size} bytes, more than {MAX_INDEX}")
    text = b"".join(store.chunks(blob, name=url))
    try:
        documents = load_all(_narrowed(text, name), url, limits=_LIMITS)
    except Problems as error:
        raise _bad_index(repository, error.problems[0].message) from error
    index = documents[0].data if documents else None
    entries = index.get("entries") if isinstance(index, dict) else None
    if not isinstance(entries, dict):
        raise _bad_index(repository, "it has no entries")
    listed = entries.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _narrowed(text: bytes, name: str) -> bytes:
    """Of a large index only the chart's own lines, where it is laid out as `helm repo index` does it.

    The largest indexes take a minute to parse whole.
    """
    if len(text) < _LARGE:
        return text
    lines = re.escape(name.encode())
    found = re.search(
        rb"^entries:\n(?:.*\n)*?(  [\"']?" + lines + rb"[\"']?:\n(?:  [ -].*\n)+)", text, re.MULTILINE
    )
    return b"entries:\n" + found[1] if found else text


def _version(chart: ChartReference, versions: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    for one in versions:
        if str(one.get("version", "")).removeprefix("v") == chart.version.removeprefix("v"):
            return one
    known = ", ".join(str(one.get("version")) for one in versions[:_SHOWN])
    raise BundlerError(
        f"the repository has no chart {chart.name} {chart.version}",
        where=chart,
        why=f"it has {known}" if known else f"it has no chart {chart.name}",
        fix="name a version that is there; `helm search repo -l` lists them",
        code=ExitCode.NOT_FOUND,
    )


def _entry(chart: ChartReference, version: Mapping[str, Any]) -> ChartEntry:
    urls, told = version.get("urls"), version.get("digest")
    if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
        raise _bad_index(chart.repository, "it doesn't say where the chart lies")
    url = urljoin(f"{chart.repository}/", urls[0])
    scheme = urlsplit(url).scheme
    if scheme == "http" and chart.repository.startswith("https://"):
        raise _bad_index(chart.repository, "it leads from https to an address without TLS, which is refused")
    if scheme not in _SCHEMES:
        raise _bad_index(
            chart.repository, f"it leads to {display(url)[:200]}, which no chart is fetched from"
        )
    return ChartEntry(url, _digest(chart, told))


def _digest(chart: ChartReference, told: object) -> Digest | None:
    if told in {None, ""}:
        return None
    text = str(told).removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise _bad_index(chart.repository, f"{text[:80]!r} is no digest")
    return Digest(text)


def _bad_index(repository: str, why: str) -> BundlerError:
    return BundlerError(
        "the chart repository's index can't be used",
        where=f"{repository}/index.yaml",
        why=why,
        fix="check the repository's address; if it is right, tell its administrator",
        code=ExitCode.INPUT,
    )
