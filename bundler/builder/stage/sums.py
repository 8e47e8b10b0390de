"""Files of checksums, as sha256sum (`DIGEST  NAME`) and BSD (`SHA256 (NAME) = DIGEST`) write them."""

import re
from collections.abc import Iterator

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

MAX_SUMS = 16 << 20  # bytes of a file of checksums

_GNU = re.compile(r"([0-9a-fA-F]{64})(?:[ \t]+\*?(.+))?")
_BSD = re.compile(r"SHA256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})")


def find_sum(text: str, name: str, where: str) -> Digest:
    """What a file of checksums says of the file `name`; one lonely digest is of whatever is asked for.

    A line names a file by its name or by a path that ends with it. Raises BundlerError: (NOT_FOUND) where no
    line is of that file, (INPUT) where lines contradict each other.
    """
    listed = list(_listed(text))
    found = {digest for listed_as, digest in listed if _is(listed_as, name)}
    if not found and len(listed) == 1 and not listed[0][0]:
        found = {listed[0][1]}
    if not found:
        raise BundlerError(
            f"there is no checksum of {name}",
            where=where,
            why=f"it has {len(listed)} checksums, of other files"
            if listed
            else "it has no SHA-256 checksums",
            code=ExitCode.NOT_FOUND,
            fix="name the file of checksums that belongs to this download",
        )
    if len(found) > 1:
        raise BundlerError(
            f"there are {len(found)} different checksums of {name}",
            where=where,
            code=ExitCode.INPUT,
            fix="write the right one: --checksum=sha256:<64 hex digits>",
        )
    return Digest(found.pop())


def _listed(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if bsd := _BSD.fullmatch(line.strip()):
            yield bsd[1], bsd[2].lower()
        elif gnu := _GNU.fullmatch(line.strip()):
            yield gnu[2] or "", gnu[1].lower()


def _is(listed_as: str, name: str) -> bool:
    return listed_as == name or listed_as.endswith(f"/{name}")
