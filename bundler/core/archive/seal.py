"""The seal: the last 8192 bytes of a .run, which cover every other byte (docs/format.md, "Seal").

Half of it is text, one line a section with its place and sha256; half is room for a signature over that text.
There is one way only to write a given seal, so reading is: parse, write again, compare.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, Self

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

ALIGN = 1 << 16  # sections start at its multiples, so that `dd bs=65536 skip=N` finds them
TEXT = 4096  # bytes of the seal's text, and of the room for its signature
LENGTH = 2 * TEXT

REQUIRED = ("stub", "runtime", "archive", "index", "info", "list")

RECIPES = "recipes!"  # how members that aren't in the archive are made (`recipes`)
# What a further platform brings along (`platforms`).
OF_PLATFORM = re.compile(
    r"(?P<part>runtime|index|info|list)-(?P<platform>[a-z0-9]{1,20}(-[a-z0-9]{1,20}){1,2})!"
)
_UNDERSTOOD = (re.compile(RECIPES), OF_PLATFORM)  # all names with a `!` that this program knows

_HEAD = "bundler-run 1"
_SECTION_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}!?")
_NUMBER = r"0|[1-9][0-9]{0,17}"
_LINE = re.compile(rf"(?P<name>\S+) (?P<offset>{_NUMBER}) (?P<length>{_NUMBER}) (?P<digest>sha256:\S+)")
_WORD = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of the file; offset and length in bytes, the digest is over exactly these bytes.

    A name that ends in `!` must be understood by whoever reads the file; others may be passed over.
    """

    name: str
    offset: int
    length: int
    digest: Digest

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Seal:
    """What the file is, and where each section of it lies, in order."""

    name: str
    version: str
    platform: str
    sections: tuple[Section, ...]

    @property
    def offset(self) -> int:
        """Where the seal itself starts: behind the last section."""
        return aligned(self.sections[-1].end)

    @property
    def file_size(self) -> int:
        """Bytes of the whole file."""
        return self.offset + LENGTH

    def section(self, name: str) -> Section:
        """The section with this name. Raises BundlerError (NOT_FOUND)."""
        for section in self.sections:
            if section.name == name:
                return section
        raise BundlerError(f"the bundle has no section {name!r}", code=ExitCode.NOT_FOUND)

    def gaps(self) -> Iterator[tuple[int, int]]:
        """The (offset, length) of each stretch between sections; all its bytes are zero."""
        for section in self.sections:
            if length := aligned(section.end) - section.end:
                yield section.end, length

    def to_bytes(self) -> bytes:
        """The text, filled up with newlines to 4096 bytes. Raises BundlerError (INPUT) when it is longer."""
        lines = [_HEAD, f"name {self.name}", f"version {self.version}", f"platform {self.platform}"]
        lines += [f"{each.name} {each.offset} {each.length} {each.digest}" for each in self.sections]
        text = ("\n".join(lines) + "\n").encode()
        if len(text) > TEXT:
            raise BundlerError(
                f"the seal has {len(text)} bytes, there is room for {TEXT}",
                code=ExitCode.INPUT,
                fix="use a shorter name or version",
            )
        return text.ljust(TEXT, b"\n")

    @classmethod
    def parse(cls, text: bytes, *, file_size: int) -> Self:
        """Read the text and hold it against the file's size, in bytes.

        Raises BundlerError: UNSUPPORTED for another format version or a section that must be understood and
        isn't, INTEGRITY for everything else that is not exactly a seal.
        """
        lines = _decoded(text).rstrip("\n").split("\n")
        _check_version(lines[0])
        if len(lines) < 4 + len(REQUIRED):
            refuse("the seal is cut short")
        heads = zip(("name", "version", "platform"), lines[1:4], strict=True)
        name, version, platform = (_word(key, line) for key, line in heads)
        seal = cls(name, version, platform, tuple(_section(line) for line in lines[4:]))
        _check_places(seal)
        if seal.to_bytes() != text:
            refuse("the seal is not in its one valid form")
        if seal.file_size != file_size:
            refuse(f"the file has {file_size} bytes, its seal says {seal.file_size}")
        return seal


def aligned(offset: int) -> int:
    """The next place where a section may start, from `offset` on."""
    return -(-offset // ALIGN) * ALIGN


def refuse(why: str) -> NoReturn:
    """Raise BundlerError (INTEGRITY): this is no seal of ours."""
    raise BundlerError(
        "this is not a whole .run file",
        why=why,
        code=ExitCode.INTEGRITY,
        id="BND-DAMAGED",
        fix="copy it again from where it came from, and compare the size",
    )


def _decoded(text: bytes) -> str:
    try:
        return text.decode("ascii")
    except UnicodeDecodeError:
        refuse("there is no seal at its end")


def _check_version(line: str) -> None:
    kind, _, version = line.partition(" ")
    if kind != "bundler-run" or not version.isdigit():
        refuse("there is no seal at its end")
    if line != _HEAD:
        raise BundlerError(
            f"the file has format {version[:20]}, this program reads format 1",
            code=ExitCode.UNSUPPORTED,
            fix="use a newer bundler, or the commands of the .run itself",
        )


def _word(key: str, line: str) -> str:
    found, _, value = line.partition(" ")
    if found != key or not _WORD.fullmatch(value):
        refuse(f"the seal's line for {key} is wrong")
    return value


def _section(line: str) -> Section:
    match = _LINE.fullmatch(line)
    if match is None or not _SECTION_NAME.fullmatch(match["name"]):
        refuse(f"the seal has a wrong line: {line[:100]!r}")
    try:
        digest = Digest.parse(match["digest"])
    except BundlerError:
        refuse(f"the seal has a wrong digest: {line[:100]!r}")
    return Section(match["name"], int(match["offset"]), int(match["length"]), digest)


def _is_understood(name: str) -> bool:
    """Whether a reader may go on that finds a section with this name."""
    return not name.endswith("!") or any(form.fullmatch(name) for form in _UNDERSTOOD)


def _check_places(seal: Seal) -> None:
    names = tuple(section.name for section in seal.sections)
    if names[: len(REQUIRED)] != REQUIRED or len(set(names)) != len(names):
        refuse("the seal's sections are not those of a .run")
    if unknown := [name for name in names[len(REQUIRED) :] if not _is_understood(name)]:
        raise BundlerError(
            f"the file has a part that this program does not know: {unknown[0]}",
            code=ExitCode.UNSUPPORTED,
            fix="use a newer bundler, or the commands of the .run itself",
        )
    expected = 0
    for section in seal.sections:
        if section.offset != expected:
            refuse(f"section {section.name} starts at {section.offset} instead of {expected}")
        expected = aligned(section.end)
