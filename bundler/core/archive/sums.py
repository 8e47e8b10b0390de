"""`product.run.sha256`, beside the parts of a .run: what `sha256sum -c` reads, one line a part in order.

It is nothing to trust, and nothing that must be there: it only names the part that has to be copied again.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bundler.core.archive.newfile import NewFile
from bundler.core.digest import read_chunks

_LINE: Final = re.compile(r"(?P<hex>[0-9a-f]{64})  ")
_LONGEST: Final = 1 << 20  # bytes; a thousand names of 255 bytes are less


def sums_path(path: Path) -> Path:
    """Where the sums of a .run's parts lie."""
    return path.with_name(f"{path.name}.sha256")


def write(path: Path, sums: Sequence[tuple[Path, str]]) -> None:
    """Put down each part's sha256. Raises BundlerError (SPACE, USAGE)."""
    with NewFile(sums_path(path)) as file:
        file.write("".join(f"{hex_}  {part.name}\n" for part, hex_ in sums).encode(errors="surrogateescape"))
        file.commit(0o666)


def of_file(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in read_chunks(stream):
            hasher.update(chunk)
    return hasher.hexdigest()


def refresh(path: Path, parts: Sequence[Path], changed: Path) -> None:
    """Put down a part's new sha256, where there are sums. Raises BundlerError (SPACE, USAGE), OSError."""
    if known := _known(path, len(parts)):
        kept = zip(parts, known, strict=True)
        write(path, [(part, of_file(part) if part == changed else hex_) for part, hex_ in kept])


def differing(path: Path, parts: Sequence[Path]) -> tuple[Path, ...]:
    """The parts that are not what their sums say; none where there are no sums."""
    known = _known(path, len(parts))
    return tuple(part for part, hex_ in zip(parts, known, strict=False) if of_file(part) != hex_)


def _known(path: Path, count: int) -> list[str]:
    """The sums in order, none at all where the file isn't there or isn't of this many parts."""
    try:
        with sums_path(path).open(encoding="utf-8", errors="replace") as stream:
            found = list(_hexes(stream.read(_LONGEST)))
    except OSError:
        return []
    return found if len(found) == count else []


def _hexes(text: str) -> Iterator[str]:
    return (match["hex"] for line in text.splitlines() if (match := _LINE.match(line)))
