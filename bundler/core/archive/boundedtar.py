"""Python's tar reader for archives of others, without its trust in a header's word.

It reads a pax header or a long name whole, as large as it says to be: a megabyte of gzip becomes gigabytes of
memory. Here such an entry has a bound, and sparse files, whose maps have none either, are refused.
"""

import tarfile
from typing import IO, Final, Protocol, cast

_LONGEST: Final = 1 << 16  # bytes of a pax header or of a long name; ours have none
_EXTRA: Final = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


class Readable(Protocol):
    """All that is asked of a stream."""

    def read(self, size: int = ..., /) -> bytes:
        """At most so many bytes, none at its end."""


class _Bounded(tarfile.TarInfo):
    # The reader's own way for classes that treat some types differently; typeshed doesn't know it.
    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTRA and self.size > _LONGEST:
            raise tarfile.ReadError(f"a name or pax header in it has {self.size} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("there is a sparse file in it")
        made: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]  # see above
        if "GNU.sparse.major" in made.pax_headers or "GNU.sparse.map" in made.pax_headers:
            raise tarfile.ReadError("there is a sparse file in it")
        return made


def opened(stream: Readable) -> tarfile.TarFile:
    """The archive, to be read once from its start. Raises tarfile.TarError, also while it is read."""
    return tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_Bounded)
