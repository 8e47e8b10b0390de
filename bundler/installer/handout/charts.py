"""The charts of a bundle, packed as Helm packs them.

A bundle holds charts unpacked. The .tgz made here depends on the chart's files alone, so its digest is the
same each time; it needn't be that of the archive which the vendor once had.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.yamldoc import load_all

FILE: Final = "Chart.yaml"
MAX_FILE: Final = 5 << 20  # bytes; Helm's own limit for a file of a chart
MAX_CHART: Final = 100 << 20  # bytes of all its files; Helm's own limit too
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,100}[a-z0-9])?")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,120}")


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: `folder` is where its Chart.yaml lies, `about` what that says, `members` all its files."""

    folder: str
    name: str
    version: str
    about: Mapping[str, Any]
    members: tuple[Member, ...]

    @property
    def file(self) -> str:
        """What Helm calls the packed chart."""
        return f"{self.name}-{self.version}.tgz"


def charts(bundle: Bundle) -> tuple[Chart, ...]:
    """All charts that are no part of another one, by name and version; of equal ones the first.

    Raises BundlerError (INPUT) for a Chart.yaml that doesn't say what the chart is.
    """
    found: dict[str, Chart] = {}
    for folder in _folders(bundle.index):
        chart = _read(bundle, folder)
        found.setdefault(chart.file, chart)
    return tuple(found[name] for name in sorted(found))


def pack(bundle: Bundle, chart: Chart) -> bytes:
    """The chart as .tgz. Raises BundlerError (INTEGRITY), also for one that is too large for Helm."""
    if sum(member.size for member in chart.members) > MAX_CHART:
        raise BundlerError(
            f"the chart has more than {MAX_CHART} bytes", where=chart.folder, code=ExitCode.INTEGRITY
        )
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for member in sorted(chart.members, key=lambda each: (not _is_own(chart, each), each.path)):
            data = bundle.read(member, limit=MAX_FILE)
            entry = tarfile.TarInfo(f"{chart.name}{member.path.removeprefix(chart.folder)}")
            entry.size, entry.mode = len(data), member.mode
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()


def _is_own(chart: Chart, member: Member) -> bool:
    """Helm takes the chart's own Chart.yaml for the first."""
    return member.path == f"{chart.folder}/{FILE}"


def _folders(index: Index) -> Iterator[str]:
    every = {m.path.rpartition("/")[0] for m in index.members if m.path.endswith(f"/{FILE}")}
    for folder in sorted(every):
        above = folder
        while above := above.rpartition("/")[0]:
            if above in every:
                break
        else:
            yield folder


def _read(bundle: Bundle, folder: str) -> Chart:
    path = f"{folder}/{FILE}"
    documents = load_all(bundle.read(bundle.member(path), limit=MAX_FILE), path)
    about = documents[0].data if documents else None
    about = about if isinstance(about, dict) else {}
    name, version = str(about.get("name", "")), str(about.get("version", ""))
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise BundlerError("the chart has no name and version", where=path, code=ExitCode.INPUT)
    members = tuple(m for m in bundle.index.members if m.path.startswith(f"{folder}/"))
    return Chart(folder, name, version, about, members)
