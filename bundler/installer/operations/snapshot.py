"""A snapshot on its way from a control plane to a file, encrypted as it passes, never whole between."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bundler.core.archive.newfile import NewFile
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.snapshot import FOLDER
from bundler.installer.plan.snapshot_manifest import DATABASE, FILES, LIMIT, MANIFEST, Manifest, parse
from bundler.installer.run.fetch import fetched
from bundler.installer.snapshot.age import PassPhrase, Recipient
from bundler.installer.snapshot.container import written
from bundler.installer.transport.protocol import Transport

_SLOWEST: Final = 1 << 20  # bytes a second: a slower line counts as stuck
_TIMEOUT: Final = 120.0


def brought(transport: Transport, to: Sequence[Recipient] | PassPhrase) -> tuple[Manifest, Iterator[bytes]]:
    """What the control plane has made ready, encrypted. Raises BundlerError."""
    text = b"".join(_read(transport, MANIFEST, LIMIT))
    manifest = parse(text, f"{transport.address}:{FOLDER}/{MANIFEST}")
    parts = {name: _read(transport, name, manifest.parts[name].size) for name in (FILES, DATABASE)}
    return manifest, written(text, manifest, parts, to)


def put_away(transport: Transport) -> None:
    """Nothing of it stays on the control plane."""
    with suppress(BundlerError):  # the next one empties the folder first
        transport.run(f"rm -rf {FOLDER}", timeout=_TIMEOUT)


def file_name(site: str, manifest: Manifest) -> str:
    """Cluster and time."""
    return f"{site}-{manifest.stamp}.snapshot"


def keep_here(chunks: Iterable[bytes], folder: Path, name: str) -> int:
    """In a folder of this machine, under its name only when it is whole; bytes. Raises BundlerError."""
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        code = ExitCode.SPACE if error.errno == 28 else ExitCode.INPUT
        raise BundlerError(
            "the snapshot can't be written", where=path, why=error.strerror or str(error), code=code
        ) from None
    with NewFile(path) as file:
        size = _copied(chunks, file.write)
        file.commit(0o600)
    return size


def keep_there(chunks: Iterable[bytes], transport: Transport, folder: str, name: str, most: int) -> int:
    """The same on another host. most: bytes that may come, for the time that it may take."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            yield chunk

    path = shlex.quote(f"{folder.rstrip('/')}/{name}")
    script = f"""set -eu
umask 077
mkdir -p {shlex.quote(folder)}
trap 'rm -f {shlex.quote(path)}.part' EXIT
cat >{path}.part
sync {path}.part
mv -f {path}.part {path}
stat -c %s {path}
"""
    outcome = transport.run(script, stdin=counted(), timeout=_TIMEOUT + 2 * most / _SLOWEST)
    if outcome.status or outcome.stdout.strip() != str(size):
        raise BundlerError(
            "the snapshot can't be kept there",
            where=f"{transport.address}:{folder}",
            why=outcome.stderr.strip() or f"{outcome.stdout.strip()} of {size} bytes arrived",
            code=ExitCode.STEP,
        )
    return size


def _copied(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> int:
    size = 0
    for chunk in chunks:
        write(chunk)
        size += len(chunk)
    return size


def _read(transport: Transport, name: str, size: int) -> Iterator[bytes]:
    return fetched(transport, f"exec cat {FOLDER}/{name}", timeout=_TIMEOUT + 2 * size / _SLOWEST)
