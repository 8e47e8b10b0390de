"""Content digests as OCI writes them (`sha256:` and 64 hex digits), and streams that verify themselves."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from bundler.core.errors import BundlerError, ExitCode

CHUNK = 1 << 20  # bytes read at a time; no blob is ever held whole

_FORM = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A parsed sha256 digest: an instance can't hold anything else."""

    hex: str

    def __post_init__(self) -> None:
        if not _FORM.fullmatch(f"sha256:{self.hex}"):
            raise BundlerError(f"not a sha256 digest: {self.hex[:80]!r}", code=ExitCode.INPUT)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<64 hex digits>`. Raises BundlerError (INPUT) for anything else."""
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256":
            raise BundlerError(
                f"not a sha256 digest: {text[:80]!r}",
                code=ExitCode.INPUT,
                fix="write it as sha256:<64 hex digits>",
            )
        return cls(value)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of bytes already in memory (manifests, small files)."""
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def of_file(cls, stream: BinaryIO) -> Self:
        """The digest of the rest of a file."""
        hasher = hashlib.sha256()
        for chunk in read_chunks(stream):
            hasher.update(chunk)
        return cls(hasher.hexdigest())

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


def read_chunks(stream: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """The rest of a stream, at most `size` bytes at a time."""
    while chunk := stream.read(size):
        yield chunk


def verified(chunks: Iterable[bytes], *, digest: Digest, size: int | None, name: str) -> Iterator[bytes]:
    """Pass chunks on while hashing them; the last one only after all has been found right.

    The consumer must not commit what it wrote until the iterator has ended.
    Raises BundlerError (INTEGRITY) when the content is longer or shorter than
    `size` bytes, or when its sha256 isn't `digest`.
    """
    hasher = hashlib.sha256()
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if size is not None and seen > size:
            raise _mismatch(name, f"more than the expected {size} bytes arrived")
        hasher.update(chunk)
        yield chunk
    if size is not None and seen != size:
        raise _mismatch(name, f"{seen} of {size} bytes arrived")
    if hasher.hexdigest() != digest.hex:
        raise _mismatch(name, f"expected {digest}, got sha256:{hasher.hexdigest()}")


def _mismatch(name: str, why: str) -> BundlerError:
    return BundlerError(
        "the content is not what its digest says",
        where=name,
        why=why,
        code=ExitCode.INTEGRITY,
        fix="fetch it again; if it persists, the source is damaged or not trustworthy",
    )
