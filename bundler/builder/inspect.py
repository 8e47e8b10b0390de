"""`bundler inspect`: a .run's index, for people or for programs."""

from pathlib import Path

from bundler.core.archive import Bundle
from bundler.core.archive.text import info, listing


def describe(path: Path, *, as_json: bool) -> str:
    """The text that `./product.run --info` and `--list` show, or the index itself.

    Raises BundlerError: NOT_FOUND, INTEGRITY when it is no whole .run, UNSUPPORTED for a newer format.
    """
    bundle = Bundle.open(path)
    try:
        if as_json:
            return bundle.index.to_json().decode()
        archive, index = bundle.seal.section("archive"), bundle.seal.section("index")
        return info(bundle.index, archive, index) + "\n" + listing(bundle.index)
    finally:
        bundle.close()
