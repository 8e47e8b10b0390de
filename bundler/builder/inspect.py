"""`bundler inspect`: a .run's index, for people or for programs."""

from pathlib import Path

from bundler.core.archive import Bundle
from bundler.core.archive.text import info, listing


def describe(path: Path, *, as_json: bool, platform: str = "") -> str:
    """The text that `./product.run --info` and `--list` show, or the index itself.

    platform: which of several, "" for the first.
    Raises BundlerError: NOT_FOUND, INTEGRITY when it is no whole .run, UNSUPPORTED for a newer format.
    """
    with Bundle.open(path) as bundle:
        of = bundle.of(platform or bundle.index.platform)
        if as_json:
            return of.index.to_json().decode()
        archive = bundle.seal.section("archive")
        return info(of.index, archive, of.own("index"), bundle.platforms) + "\n" + listing(of.index)
