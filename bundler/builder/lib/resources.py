"""Where the product's own files lie that are not Python: stubs/ and templates/."""

import sys
from pathlib import Path

import bundler
from bundler.core.errors import BundlerError, ExitCode


def code_root() -> Path:
    """The folder that holds the package `bundler`: a checkout, or site-packages."""
    return Path(bundler.__file__).resolve().parents[1]


def resource(name: str) -> Path:
    """The folder `name` beside the package in a checkout, else below PREFIX/share/bundler.

    Raises BundlerError (NOT_FOUND) when the installation is not whole.
    """
    places = (code_root() / name, Path(sys.prefix) / "share" / "bundler" / name)
    for place in places:
        if place.is_dir():
            return place
    raise BundlerError(
        f"bundler's own folder {name!r} is missing",
        where=places[0],
        code=ExitCode.NOT_FOUND,
        fix="install bundler again, or run it from a checkout",
    )
