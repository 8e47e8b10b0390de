r"""Text on its way to a terminal: nothing in it is obeyed, and a reader that has gone ends no work.

Names, errors and output come from hosts, servers and files; whoever writes them could move the cursor, hide
lines or send keys. So every character that is not printed is written out: `\x1b`.
"""

import contextlib
import errno
import os
import sys
from typing import Final, TextIO

_STREAMS: Final = 2  # the last descriptor of the three


def tame(line: str) -> str:
    """The line without anything that a terminal would obey: such characters are written out."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


def plain(text: str) -> str:
    """The same for a text of several lines; tabs stay, too."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(tame, line.split("\t"))) for line in text.split("\n"))


def show(stream: TextIO | None, text: str) -> None:
    """Write a text; where the reader is gone (`| head`, a dead terminal), write nothing from then on.

    None: the stream was closed before we began.
    """
    if stream is None:
        return
    try:
        _write(stream, plain(text))
    except (OSError, ValueError):  # ValueError: the stream is closed
        mute(stream)


def pass_on(stream: TextIO | None, text: str) -> None:
    """The same for what a program may want byte for byte: only a terminal gets it tamed."""
    if stream is None:
        return
    try:
        _write(stream, plain(text) if stream.isatty() else text)
    except (OSError, ValueError):
        mute(stream)


def fill_gaps() -> None:
    """Open what of the three streams was closed (`>&-`), on /dev/null.

    Else the next file that is opened, a log or a connection, would become standard output, and a child's
    messages would go into it.
    """
    for descriptor in range(_STREAMS + 1):
        if not _is_open(descriptor):  # the lowest that is free, so the next that is opened gets its number
            os.set_inheritable(_open_nowhere(), True)  # noqa: FBT003  (its own signature)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (by its number)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (as above)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (as above)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _open_nowhere() -> int:
    """/dev/null; in a root without it a folder, which can neither be read nor written."""
    try:
        return os.open(os.devnull, os.O_RDWR)
    except FileNotFoundError:
        return os.open("/", os.O_RDONLY)


def is_gone(error: OSError) -> bool:
    """Whether the reader of our output has gone: `| head`, or a terminal that hung up."""
    return error.errno == errno.EPIPE or (error.errno == errno.EIO and error.filename is None)


def mute(stream: TextIO) -> None:
    """Let all that is still written to this stream go nowhere, also what its buffer holds."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal of another encoding
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
