"""The room for a signature: the last 4096 bytes of a .run. Filling it changes nothing else."""

import fcntl
import os
from pathlib import Path
from typing import Final

from bundler.core.archive import seal as seals
from bundler.core.archive import sums
from bundler.core.archive.parts import Parts
from bundler.core.archive.seal import Seal
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshsig import Signature

EMPTY: Final = b"\n" * seals.TEXT
MAX_FILE: Final = 1 << 16  # bytes of a file with an armor, far more than any has


def parse(room: bytes) -> Signature | None:
    """The signature in these 4096 bytes, None where they are empty.

    Raises BundlerError (INTEGRITY) for anything but the one form in which `fill` writes it.
    """
    if room == EMPTY:
        return None
    signature = Signature.dearmor(room)
    if fill(signature) != room:
        raise BundlerError(
            "the signature is not in its one valid form",
            code=ExitCode.INTEGRITY,
            fix="sign the file again: bundler sign FILE --key KEY",
        )
    return signature


def fill(signature: Signature) -> bytes:
    """The 4096 bytes that hold it. Raises BundlerError (INPUT) when there is no room for it."""
    armor = signature.armor()
    if len(armor) > seals.TEXT:
        raise BundlerError(
            f"the signature has {len(armor)} bytes, there is room for {seals.TEXT}", code=ExitCode.INPUT
        )
    return armor.ljust(seals.TEXT, b"\n")


def read(parts: Parts, seal: Seal) -> Signature | None:
    """The signature of an open .run. Raises like `parse`."""
    return parse(parts.pread(seals.TEXT, seal.offset + seals.TEXT))


def write(path: Path, seal: Seal, signature: Signature) -> None:
    """Put a signature into a .run that has this seal, in place of the one that it had.

    It is one write of one aligned page. Should a power cut tear that page, the file is refused until it is
    signed again; everything in front of it is never touched.
    Raises BundlerError: USAGE when the file can't be written, INTEGRITY when it has another seal by now.
    """
    room = fill(signature)
    try:
        with Parts.open(path) as parts:
            size, parted = parts.size, parts.paths
            last, start = parts.place(seal.offset)
        with last.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if size != seal.file_size or os.pread(file.fileno(), seals.TEXT, start) != seal.to_bytes():
                raise BundlerError(
                    "the file has changed meanwhile", where=path, code=ExitCode.INTEGRITY, fix="sign it again"
                )
            os.pwrite(file.fileno(), room, start + seals.TEXT)
            os.fsync(file.fileno())
            if len(parted) > 1:
                sums.refresh(path, parted, last)
    except OSError as error:
        raise BundlerError(
            "the signature can't be written",
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.USAGE,
            fix="make the file writable, or sign a copy of it",
        ) from error
