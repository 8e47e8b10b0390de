"""What the frozen installer is made of: our sources and this machine's files, as digests."""

import hashlib
import os
import ssl
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from bundler.builder.lib.resources import code_root, resource
from bundler.core.digest import Digest, read_chunks
from bundler.core.oci import Platform

LAYOUT = 5  # part of the key: raised when what is done to PyInstaller's folder changes


def build_key(platform: Platform, script: Path) -> str:
    """Names a freeze before it is made: our sources, and the versions of what is installed here.

    Which libraries PyInstaller will find isn't known yet; `files_digest` compares those of the last freeze.
    """
    hasher = hashlib.sha256()
    facts = (f"layout {LAYOUT}", str(platform), sys.version, sys.prefix, ssl.OPENSSL_VERSION)
    libc = os.confstr("CS_GNU_LIBC_VERSION")
    for fact in (*facts, str(libc), *_versions()):
        hasher.update(f"{fact}\n".encode())
    for name, path in _sources(script):
        hasher.update(f"{name}\n".encode())
        _feed(hasher, path)
    return hasher.hexdigest()


def files_digest(paths: Iterable[Path]) -> Digest | None:
    """One digest over the names and contents of these files; None when one of them is gone.

    It notices what no version tells: a security update of libssl, libexpat, zlib, xz or libpython.
    """
    hasher = hashlib.sha256()
    try:
        for path in paths:
            hasher.update(f"{path}\n{path.stat().st_size}\n".encode())
            _feed(hasher, path)
    except OSError:
        return None
    return Digest(hasher.hexdigest())


def _feed(hasher: "hashlib._Hash", path: Path) -> None:
    with path.open("rb") as content:
        for chunk in read_chunks(content):
            hasher.update(chunk)


def _versions() -> Iterable[str]:
    """Every installed distribution: more than what is frozen, and never less.

    Told by the names of their folders, `NAME-VERSION.dist-info`; reading what is in them takes 20 ms.
    """
    return sorted({path.name for folder in sys.path for path in Path(folder).glob("*-*.*-info")})


def _sources(script: Path) -> Iterator[tuple[str, Path]]:
    """Name and place of each file of ours that goes in or steers what goes in."""
    root = code_root()
    for folder in ("bundler/core", "bundler/installer"):
        for path in sorted((root / folder).rglob("*.py")):
            yield str(path.relative_to(root)), path
    for path in sorted((resource("templates") / "site").rglob("*")):
        if path.is_file():
            yield f"site/{path.name}", path
    yield "spec", resource("stubs") / "installer.spec"
    yield "start", resource("stubs") / "start.sh"
    yield "early", resource("stubs") / "early.py"
    yield "entry", script
