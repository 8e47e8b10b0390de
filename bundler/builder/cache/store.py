"""The builder's cache: blobs by their digest, small records by their key.

Several threads and processes may use one store. A blob appears at its place by rename, whole and with the
right digest, or not at all. What is unfinished lies in a folder that its process holds a lock on; whoever
opens the store next removes the folders that nobody holds any more, so that kill -9 leaves nothing for
long. Unless asked for, nothing is synced to disk: after a power cut a blob may be damaged, which its size or
`chunks` finds, and then it is fetched again.
"""

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Self

from bundler.builder.cache.disk import remove_tree, space_told, sync, write_all
from bundler.builder.cache.partial import Blob, Partial
from bundler.builder.cache.workspace import Workspace
from bundler.core.digest import Digest, read_chunks, verified
from bundler.core.errors import BundlerError, ExitCode

__all__ = ["Blob", "Partial", "Store", "default_root"]

_EMPTY = hashlib.sha256().hexdigest()
_KIND = re.compile(r"[a-z][a-z0-9-]*")
_SMALL = 1 << 14  # bytes of content that are held in memory, so that they need not be written a second time
_HEAD = 65  # a record starts with the hex sha256 of its value and a newline


def default_root() -> Path:
    """$BUNDLER_CACHE, else $XDG_CACHE_HOME/bundler, else ~/.cache/bundler."""
    if own := os.environ.get("BUNDLER_CACHE"):
        return Path(own)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "bundler"
    return Path.home() / ".cache" / "bundler"


class Store:
    """A content-addressed store below one folder, which is made when it isn't there.

    Raises BundlerError (SPACE) when the disk is full and (USAGE) when the folder can't be used.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_root()).absolute()
        self._blobs = f"{self.root}/blobs/sha256"
        with _usable(self.root):
            _own_folder(self.root)
            for name in ("blobs", "partial", "records"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            self._workspace = Workspace(self.root / "temp")
            self._workspace.sweep()

    def find(self, digest: Digest, size: int | None = None) -> Path | None:
        """Where the blob lies, or None when the store has none, or one that isn't `size` bytes long."""
        found = self.size(digest)
        return self._place(digest) if found is not None and size in {None, found} else None

    def size(self, digest: Digest) -> int | None:
        """Bytes of the blob, or None when the store has none."""
        try:
            found = self._place(digest).stat().st_size
        except FileNotFoundError:
            return None
        return None if found == 0 and digest.hex != _EMPTY else found  # an empty one is a torn one

    def path(self, digest: Digest) -> Path:
        """Where the blob lies. Raises BundlerError (NOT_FOUND) when it isn't there."""
        if (found := self.find(digest)) is None:
            raise BundlerError(
                f"the cache has no {digest}",
                where=self.root,
                code=ExitCode.NOT_FOUND,
                fix="run the build again to fetch it again; is something else removing files there?",
            )
        return found

    def open(self, digest: Digest) -> BinaryIO:
        """The blob for reading. Raises BundlerError (NOT_FOUND)."""
        return self.path(digest).open("rb")

    def chunks(self, blob: Blob, *, name: str) -> Iterator[bytes]:
        """The blob's content, verified while it streams. Raises as `reading` does."""
        with self.reading(blob, name=name) as stream:
            yield from verified(read_chunks(stream), digest=blob.digest, size=blob.size, name=name)

    @contextlib.contextmanager
    def reading(self, blob: Blob, *, name: str) -> Iterator[BinaryIO]:
        """The blob's content for somebody who verifies it, and who calls it `name` in errors.

        A blob that is found to be damaged is dropped, so that the next run fetches it.
        Raises BundlerError (NOT_FOUND, INTEGRITY).
        """
        try:
            with self.open(blob.digest) as stream:
                yield stream
        except BundlerError as error:
            if error.code is not ExitCode.INTEGRITY or error.where != name:
                raise
            self.discard(blob.digest)
            raise BundlerError(
                "a file in the cache is damaged and was removed",
                where=name,
                why=error.why,
                code=ExitCode.INTEGRITY,
                fix="run the build again; if it happens again, check the disk below " + str(self.root),
            ) from error

    def add(
        self,
        chunks: Iterable[bytes],
        *,
        digest: Digest | None,
        size: int | None,
        name: str,
        synced: bool = False,
    ) -> Blob:
        """Stream content into the store.

        What is known beforehand, `digest` and `size` in bytes, is verified; `name` stands in messages. Where
        `digest` is known and stored already, `chunks` is not read at all. synced: return once it is on disk.
        Raises BundlerError (INTEGRITY, SPACE) and whatever `chunks` raises; nothing is kept then.
        """
        if digest is not None and (found := self.size(digest)) is not None and size in {None, found}:
            return Blob(digest, found)
        head, more = _begun(_expected(chunks, digest, size, name))
        if more is None and self._has(head):  # an archive may hold the same small file a million times
            return Blob(Digest.of(head), len(head))
        temp = self._workspace.file()
        try:
            blob = self._write(temp, chain([head], more or ()), size, name)
            if synced:
                sync(temp)
            self._settle(temp, blob.digest)
            if synced:
                sync(self._place(blob.digest).parent)
        except BaseException:  # Ctrl-C too must leave nothing behind
            temp.unlink(missing_ok=True)
            raise
        return blob

    def add_file(self, path: Path, *, name: str, synced: bool = False) -> Blob:
        """Copy a file into the store, hashing it once; synced: as in `add`."""
        with path.open("rb") as stream:
            return self.add(read_chunks(stream), digest=None, size=None, name=name, synced=synced)

    def discard(self, digest: Digest) -> None:
        """Forget a blob that turned out to be damaged."""
        self._place(digest).unlink(missing_ok=True)

    @contextlib.contextmanager
    def partial(self, digest: Digest) -> Iterator[Partial]:
        """A download of a known digest, going on where an earlier one stopped.

        `append` the bytes from `size` on, then `commit`. What was appended without a commit stays for the
        next try. While one process is at it, another one gets a private part that starts empty.
        """
        partial = Partial(
            digest,
            shared=self.root / "partial" / digest.hex,
            private=self._workspace.file,
            settle=self._settle,
        )
        try:
            yield partial
        finally:
            partial.close()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the store's disk, removed at the end; after kill -9, when a store opens next."""
        folder = self._workspace.folder()
        try:
            yield folder
        finally:
            remove_tree(folder)

    def close(self) -> None:
        """Remove this process's unfinished files; the store may be used again afterwards."""
        self._workspace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def recall(self, kind: str, key: str) -> bytes | None:
        """What `remember` was last given for this key; None where there is nothing, or nothing whole."""
        try:
            text = self._record(kind, key).read_bytes()
        except FileNotFoundError:
            return None
        value = text[_HEAD:]
        return value if text[:_HEAD] == _seal(value) else None

    def remember(self, kind: str, key: str, value: bytes) -> None:
        """Keep a small value; `kind` groups keys of one meaning, and the last writer wins."""
        place = self._record(kind, key)
        temp = self._workspace.file()
        with space_told(self.root, "a record", len(value)):
            place.parent.mkdir(parents=True, exist_ok=True)
            temp.write_bytes(_seal(value) + value)
            temp.replace(place)

    @contextlib.contextmanager
    def alone(self, kind: str, key: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Let one process, and one thread, at a time do the work that `kind` and `key` name.

        waiting: called once when somebody else is at it. The lock goes with the process that has it, so
        nobody waits for the dead.
        """
        place = self._record(kind, key, below="locks")
        with space_told(self.root, "a lock", None):
            place.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _place(self, digest: Digest) -> Path:
        return Path(f"{self._blobs}/{digest.hex[:2]}/{digest.hex}")

    def _has(self, content: bytes) -> bool:
        """Whether this small content is there, whole and undamaged."""
        digest = Digest.of(content)
        if self.size(digest) != len(content):
            return False
        return not content or self._place(digest).read_bytes() == content

    def _record(self, kind: str, key: str, below: str = "records") -> Path:
        if not _KIND.fullmatch(kind):
            raise ValueError(f"not a kind of record: {kind!r}")
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.root / below / kind / name[:2] / name

    def _write(self, temp: Path, chunks: Iterable[bytes], size: int | None, name: str) -> Blob:
        hasher = hashlib.sha256()
        seen = 0
        with space_told(self.root, name, size), temp.open("xb", buffering=0) as out:
            for chunk in chunks:
                write_all(out.fileno(), chunk)
                hasher.update(chunk)
                seen += len(chunk)
        return Blob(Digest(hasher.hexdigest()), seen)

    def _settle(self, temp: Path, digest: Digest) -> None:
        """Put a finished file at its place; when another one was faster, it is replaced by its like."""
        place = self._place(digest)
        temp.chmod(0o444)
        try:
            temp.replace(place)
        except FileNotFoundError:  # its folder is not there yet
            place.parent.mkdir(parents=True, exist_ok=True)
            temp.replace(place)


def _begun(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """The first bytes, and what comes behind them; None where they are all."""
    more = iter(chunks)
    head = bytearray()
    for chunk in more:
        head += chunk
        if len(head) > _SMALL:
            return bytes(head), more
    return bytes(head), None


def _expected(chunks: Iterable[bytes], digest: Digest | None, size: int | None, name: str) -> Iterable[bytes]:
    """The chunks, checked against what is known of them."""
    if digest is not None:
        return verified(chunks, digest=digest, size=size, name=name)
    return chunks if size is None else _sized(chunks, size, name)


def _sized(chunks: Iterable[bytes], size: int, name: str) -> Iterator[bytes]:
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > size:
            break
        yield chunk
    if seen != size:
        arrived = f"only {seen}" if seen < size else "more"
        raise BundlerError(
            "the content has the wrong size",
            where=name,
            why=f"{size} bytes were announced, {arrived} arrived",
            code=ExitCode.INTEGRITY,
            fix="fetch it again; if it persists, the source is damaged",
        )


def _seal(value: bytes) -> bytes:
    return hashlib.sha256(value).hexdigest().encode() + b"\n"


@contextlib.contextmanager
def _usable(root: Path) -> Iterator[None]:
    try:
        with space_told(root.parent, "the cache", None):
            yield
    except OSError as error:
        raise BundlerError(
            "the cache folder can't be used",
            where=root,
            why=str(error),
            code=ExitCode.USAGE,
            fix="choose a folder that you may write to with --cache or BUNDLER_CACHE",
        ) from error


def _own_folder(root: Path) -> None:
    """Make the cache, for its owner alone: it holds what came out of private registries."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = root.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        root.chmod(0o700)
