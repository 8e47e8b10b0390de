"""Writing a file section after section, each hashed while it is written."""

import hashlib
from collections.abc import Iterable

from bundler.core.archive.newparts import Out
from bundler.core.archive.seal import Section, aligned
from bundler.core.digest import CHUNK, Digest


class SectionStream:
    """One section that is being written at the file's end; collects small pieces into large writes."""

    def __init__(self, name: str, offset: int, out: Out) -> None:
        self._name = name
        self._offset = offset
        self._out = out
        self._hasher = hashlib.sha256()
        self._buffer = bytearray()
        self._written = 0

    @property
    def length(self) -> int:
        """Bytes so far."""
        return self._written + len(self._buffer)

    def write(self, data: bytes | memoryview) -> None:
        """Append a piece of any size."""
        self._buffer += data
        if len(self._buffer) >= CHUNK:
            self._flush()

    def write_all(self, chunks: Iterable[bytes | memoryview]) -> int:
        """Append all chunks; how many bytes they were."""
        before = self.length
        for chunk in chunks:
            self.write(chunk)
        return self.length - before

    def close(self) -> Section:
        """End the section and fill the file up to where the next one may start."""
        self._flush()
        section = Section(self._name, self._offset, self._written, Digest(self._hasher.hexdigest()))
        self._out.write(bytes(aligned(section.end) - section.end))
        return section

    def _flush(self) -> None:
        self._hasher.update(self._buffer)
        self._out.write(self._buffer)
        self._written += len(self._buffer)
        self._buffer.clear()
