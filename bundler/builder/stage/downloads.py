"""Files by URL for ADD and APP: checked against a digest, a file of checksums, or what a lock says."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from bundler.builder.cache.store import Blob
from bundler.builder.net.http import display
from bundler.builder.stage.build_context import BuildContext, TakenFile
from bundler.builder.stage.sums import MAX_SUMS, find_sum
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

SUMS_SCHEMES = ("https://", "http://", "file://")


@dataclass(frozen=True, slots=True)
class SumsFile:
    """`--checksum=sha256:URL`: the digest stands in that file."""

    url: str


Checksum = Digest | SumsFile


def parse_checksum(text: str) -> Checksum:
    """Read `sha256:<64 hex digits>` or `sha256:URL`. Raises BundlerError (INPUT)."""
    rest = text.removeprefix("sha256:")
    if rest != text and rest.startswith(SUMS_SCHEMES):
        return SumsFile(rest)
    return Digest.parse(text)


def lockable(url: str) -> str:
    """A URL as a lock has it: without what may be secret; of a query, a digest tells it from others."""
    parts = urlsplit(url)
    query = Digest.of(parts.query.encode()).hex[:16] if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def take(url: str, name: str, checksum: Checksum | None, why: str, build_context: BuildContext) -> Blob:
    """The file in the store, and noted down; name: its own, as a file of checksums has it.

    A digest in the Kubefile counts more than the lock, the lock more than a file of checksums, which is not
    even asked for then. Raises BundlerError (NOT_FOUND, NETWORK, INTEGRITY, INPUT, SPACE).
    """
    pin = build_context.pinned_files.get(lockable(url))
    match checksum:
        case Digest():
            expected: Digest | None = checksum
        case SumsFile() if pin is None:
            expected = _promised(checksum, name, build_context)
        case _:
            expected = pin
    try:
        blob = build_context.fetcher.fetch(url, expected)
    except BundlerError as error:
        if error.code is not ExitCode.INTEGRITY or expected is not pin:
            raise
        raise BundlerError(
            "the file is not what the lock says",
            where=error.where,
            why=error.why,
            code=error.code,
            id="BND-LOCK-DIFFERS",
            fix=f"find out why it changed; if the change is right: bundler update {name}",
        ) from error
    promise = f", checksum from {display(checksum.url)}" if isinstance(checksum, SumsFile) else ""
    build_context.files.append(TakenFile(lockable(url), blob, why + promise))
    return blob


def _promised(sums: SumsFile, name: str, build_context: BuildContext) -> Digest:
    blob = build_context.fetcher.fetch(sums.url)
    where = display(sums.url)
    if blob.size > MAX_SUMS:
        raise BundlerError(
            f"{blob.size} bytes are too many for a file of checksums",
            where=where,
            code=ExitCode.INPUT,
            fix="name the file of checksums, not the download itself",
        )
    text = b"".join(build_context.store.chunks(blob, name=where)).decode("utf-8", errors="replace")
    return find_sum(text, name, where)
