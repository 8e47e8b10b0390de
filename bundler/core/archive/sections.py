"""Writing a file section after section, each hashed while it is written."""

import hashlib
from collections.abc import Iterable

from bundler.core.archive.pipelined import PipelinedWriter
from bundler.core.archive.seal import Section, aligned
from bundler.core.digest import CHUNK, Digest


class SectionStream:
    """One section that is being written at the file's end; collects small pieces into large batches.

    Pieces must not be changed once they are handed over. Its methods raise what writing raises, maybe a few
    batches later; `close` has seen all.
    """

    def __init__(self, name: str, offset: int, behind: PipelinedWriter) -> None:
        self._name = name
        self._offset = offset
        self._behind = behind
        self._hasher = hashlib.sha256()
        self._pieces: list[bytes | memoryview] = []
        self._held = 0  # bytes of the pieces
        self._handed_over = 0

    @property
    def length(self) -> int:
        """Bytes so far."""
        return self._handed_over + self._held

    def write(self, data: bytes | memoryview) -> None:
        """Append a piece of any size."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= CHUNK:
            self._hand_over()

    def write_all(self, chunks: Iterable[bytes | memoryview]) -> int:
        """Append all chunks; how many bytes they were."""
        before = self.length
        for chunk in chunks:
            self.write(chunk)
        return self.length - before

    def close(self) -> Section:
        """End the section and fill the file up to where the next one may start."""
        self._hand_over()
        self._behind.wait()
        section = Section(self._name, self._offset, self._handed_over, Digest(self._hasher.hexdigest()))
        self._behind.fill(aligned(section.end) - section.end)
        return section

    def _hand_over(self) -> None:
        self._behind.put(b"".join(self._pieces), self._hasher.update)
        self._handed_over += self._held
        self._pieces, self._held = [], 0
