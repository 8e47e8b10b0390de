"""The Helm charts among a bundle's files: folders with a Chart.yaml, and packed ones below their `charts`."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from bundler.builder.cache.store import Store
from bundler.builder.lib.decompress import BrokenError, unpacked
from bundler.builder.lib.tarstream import Kind, entries
from bundler.builder.model.spec import SpecContent
from bundler.builder.sbom.bill import Chart
from bundler.builder.sbom.model import Gap, readable
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind
from bundler.core.yamldoc import load_all

_MOST = 1 << 20  # bytes of a Chart.yaml, as Helm has it
_MOST_PACKED = 64 << 20  # bytes that a packed chart may unpack to
_LICENCE = "artifacthub.io/license"


def charts(
    apps: Iterable[App], contents: Iterable[SpecContent], store: Store
) -> tuple[tuple[Chart, ...], tuple[Gap, ...]]:
    """The charts of apps that Helm installs, their subcharts too, and what could not be read.

    Raises BundlerError (INTEGRITY, NOT_FOUND) for what the store has lost.
    """
    folders = tuple(f"{app.path}/" for app in apps if app.kind is AppKind.HELM)
    found: list[Chart] = []
    gaps: list[Gap] = []
    for content in contents:
        if not content.path.startswith(folders) or not _is_chart(content.path):
            continue
        try:
            found.append(_read(content, store))
        except BrokenError as error:
            gaps.append(Gap(content.path, str(error)))
    return tuple(found), tuple(gaps)


def _is_chart(path: str) -> bool:
    place = PurePosixPath(path)
    return place.name == "Chart.yaml" or (place.suffix == ".tgz" and place.parent.name == "charts")


def _read(content: SpecContent, store: Store) -> Chart:
    chunks = store.chunks(content.blob, name=content.path)
    if content.path.endswith(".tgz"):
        return replace(chart_of(_packed(chunks), content.path), folder=content.path)
    if content.blob.size > _MOST:
        raise BrokenError(f"it has more than {_MOST} bytes")
    return chart_of(b"".join(chunks), content.path)


def _packed(chunks: Iterable[bytes]) -> bytes:
    """CHART/Chart.yaml out of a packed chart."""
    for entry in entries(unpacked(chunks, limit=_MOST_PACKED)):
        if entry.kind is Kind.FILE and entry.path.count("/") == 1 and entry.path.endswith("/Chart.yaml"):
            return entry.content.read(_MOST)
    raise BrokenError("it holds no chart")


def chart_of(data: bytes, path: str) -> Chart:
    """What a Chart.yaml says; `path` is its own. Raises BrokenError."""
    try:
        documents = load_all(data, path)
    except BundlerError as error:
        if error.code is not ExitCode.INPUT:
            raise
        raise BrokenError(f"it is no chart: {error.what}") from error
    document = documents[0].data if documents else None
    if not isinstance(document, dict) or not document.get("name") or not document.get("version"):
        raise BrokenError("it states no name and version")
    annotations = document.get("annotations")
    licence = annotations.get(_LICENCE, "") if isinstance(annotations, dict) else ""
    folder = path.rpartition("/")[0]
    return Chart(folder, *(readable(str(text)) for text in (document["name"], document["version"], licence)))
