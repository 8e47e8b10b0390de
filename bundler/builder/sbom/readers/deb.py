"""A .deb: an ar archive whose member `data.tar`, packed somehow, holds the files (deb(5)). Streamed."""

from collections.abc import Iterable, Iterator

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.lib.tarstream import TarContent, TarSource

_MAGIC = b"!<arch>\n"
_HEAD = 60
_MEMBERS = 16  # a .deb has three


def data_tar(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of data.tar as they are packed. Raises BrokenError."""
    source = TarSource(chunks)
    if source.take(len(_MAGIC)) != _MAGIC:
        raise BrokenError("it is no .deb")
    for _ in range(_MEMBERS):
        head = source.take(_HEAD)
        name, size = head[:16].rstrip(b" /"), head[48:58].strip()
        if not size.isdigit():
            raise BrokenError("it is no .deb: a size in it is none")
        content = TarContent(source, int(size))
        if name.startswith(b"data.tar"):
            yield from (bytes(piece) for piece in content.pieces())
            return
        content.finish()
        source.take(content.size % 2)
    raise BrokenError("it is no .deb: it has no data.tar")
