"""`export`: one kind of content as the tools of its kind read it."""

from enum import StrEnum
from pathlib import Path

from bundler.core.archive.extract import Progress, below, extract, new_folder
from bundler.core.archive.platforms import IMAGES
from bundler.core.archive.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.rooted import Root, RootedPath
from bundler.installer.handout import repository
from bundler.installer.handout.charts import charts, pack


class Kind(StrEnum):
    """What can be exported; the name is the folder in the bundle, but for charts."""

    IMAGES = "images"
    CHARTS = "charts"
    PACKAGES = "packages"
    SBOM = "sbom"


def export(bundle: Bundle, kind: Kind, target: Path, *, umask: int, progress: Progress) -> int:
    """Write it below `target`; how many files that were.

    Raises BundlerError: NOT_FOUND when the bundle has none of it, else as `extract`.
    """
    if kind is Kind.CHARTS:
        return _export_charts(bundle, target, umask)
    # One platform's images are taken out, so what chooses between several would point to nothing.
    files = tuple(each for each in below(bundle.index, kind) if each.member.path != IMAGES)
    if not files:
        raise _none(kind)
    extract(bundle, files, target, umask=umask, progress=progress)
    return len(files)


def _export_charts(bundle: Bundle, target: Path, umask: int) -> int:
    """Packed charts and the index that makes the folder a chart repository."""
    found = charts(bundle)
    if not found:
        raise _none(Kind.CHARTS)
    with new_folder(target) as root:
        written: list[RootedPath] = []
        try:
            listed = []
            for chart in found:
                data = pack(bundle, chart)
                _put(root, chart.file, data, umask, written)
                listed.append((chart, Digest.of(data)))
            _put(root, repository.FILE, repository.index_yaml(listed), umask, written)
        except BaseException:
            for path in written:
                root.remove(path)
            raise
    return len(written)


def _put(root: Root, name: str, data: bytes, umask: int, written: list[RootedPath]) -> None:
    path = RootedPath.parse(name)
    root.write(path, [data], mode=0o644 & ~umask)
    written.append(path)


def _none(kind: Kind) -> BundlerError:
    return BundlerError(
        f"the bundle has no {kind}", code=ExitCode.NOT_FOUND, fix="--list shows what there is"
    )
