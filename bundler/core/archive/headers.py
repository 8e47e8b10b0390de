"""Whether `tar` unpacks what the index lists: what stands between the members' frames is known to the byte.

The index says what each file is called, how large it is and who may do what with it; a tar header says so,
too, to whoever uses stock tools. Only one thing may stand between two frames: a frame of padding and the one
header that the index calls for. So there is no other entry, no link, no device and no other name. And each
member's frame ends where the index says, so that no further frame hides behind it.
"""

import tarfile
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import zstandard

from bundler.core.archive import frames, tarhead
from bundler.core.index import Member

Read = Callable[
    [int, int], bytes
]  # (length, offset from the archive's start); less only at the archive's end

_MOST: Final = 16 << 10  # bytes of a small frame: padding, two headers, a name of 4 KiB


def fault(members: Sequence[Member], length: int, read: Read, *, long: AbstractSet[str] = frozenset()) -> str:
    """The first thing that `tar` would see otherwise than the index has it; "" where there is none.

    members: the index's, in its order, inside of the archive and apart from each other (`index_rules`), by
    their names in the tar; one without a frame has no entry either. length: of the archive, in bytes. long:
    names of those whose frame may have a long window. Content is not unpacked: what a frame holds is
    verified by whoever reads it.
    """
    end, gap, mtime, unpacker = 0, b"", None, zstandard.ZstdDecompressor(max_window_size=frames.MAX_WINDOW)
    for member in members:
        if not member.length:
            continue
        between = _small(unpacker, read, end, member.offset)
        if mtime is None:
            mtime = _time(between)
        if between != gap + tarhead.header(member.path, size=member.size, mode=member.mode, mtime=mtime):
            return (
                f"before {member.path!r} stands something else than the tar header that the index calls for"
            )
        window = frames.LONG_WINDOW if member.path in long else frames.MAX_WINDOW
        if not frames.is_whole(read, member.offset, member.length, member.size, window):
            return f"{member.path!r} is not in one frame of the size and the length that the index says"
        end, gap = member.offset + member.length, tarhead.padding(member.size)
    if _small(unpacker, read, end, length) != gap + tarhead.end():
        return "behind the last member stands something else than the end of a tar"
    return ""


def _small(unpacker: zstandard.ZstdDecompressor, read: Read, start: int, stop: int) -> bytes:
    """What the one small frame at this place holds; nothing where something else stands there."""
    frame = read(stop - start, start) if stop - start <= _MOST else b""
    size = frames.content_size(frame[: frames.HEAD])
    if size is None or size > _MOST:
        return b""
    try:
        return unpacker.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError:
        return b""


def _time(between: bytes) -> int:
    """The time in the first header, which all have in common; 0 where it can't be read."""
    try:
        found = tarfile.TarInfo.frombuf(between[-tarhead.BLOCK :], "utf-8", "replace").mtime
    except tarfile.HeaderError:
        return 0
    return int(found) if found > 0 else 0
