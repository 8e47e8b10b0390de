"""What the Go linker wrote into a program: Go's version and the modules it was built from.

The format is that of Go's debug/buildinfo: a 32-byte header in the section `.go.buildinfo`, followed by two
strings (since Go 1.18) or holding pointers to them (before).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bundler.builder.lib.decompress import BrokenError
from bundler.builder.sbom.model import Kind, Package

MAGIC = b"\xff Go buildinf:"
NOTE = b"Go\0\0"  # the owner of the build id's note, near the start of every program of the Go linker

_HEADER = 32
_ALIGN = 16
_MOST = 4 << 20  # bytes of a string; Kubernetes' own are some tens of KiB
_SECTIONS = 4096
_POINTERS, _INLINE = 0, 2  # flags
_BIG_ENDIAN = 1
_VERSION_FLAG = re.compile(r"-X[= ]'?[^ =]*\.(?:git)?[Vv]ersion=(v?\d[A-Za-z0-9.+-]*)")
_SENTINEL = 16  # bytes before and behind the module text


@dataclass(frozen=True, slots=True)
class _Piece:
    """A section or segment: where its bytes lie in the file, and from which address in memory."""

    address: int
    offset: int
    size: int
    name_at: int = 0


def is_go(head: bytes) -> bool:
    """Whether a file that starts so (some KiB) may be a program of Go's."""
    return head.startswith(b"\x7fELF") and NOTE in head


def golang(file: BinaryIO) -> tuple[Package, ...]:
    """A 64-bit ELF program itself, Go's own library, and the modules; nothing where it tells of none.

    Raises BrokenError for what is no such program.
    """
    elf = _Elf(file)
    for start in elf.build_info():
        header = elf.read(start, _HEADER)
        if header.startswith(MAGIC) and len(header) == _HEADER:
            version, modules = _strings(elf, header, start)
            return tuple(dict.fromkeys((*_program(modules), *_standard_library(version), *_modules(modules))))
    return ()


class _Elf:
    """The parts of an ELF file (System V ABI) that are asked for here."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = self.read(0, 64)
        if len(head) < 64 or head[:4] != b"\x7fELF" or head[4] != 2 or head[5] not in {1, 2}:
            raise BrokenError("it is no 64-bit ELF program")
        self.order = "<" if head[5] == 1 else ">"
        self._program_headers, self._section_headers = self.unpack("QQ", head, 32)
        _, _, self._programs, _, self._sections, self._names = self.unpack("HHHHHH", head, 52)

    def unpack(self, form: str, data: bytes, offset: int = 0) -> tuple[int, ...]:
        """Numbers in the file's byte order. Raises BrokenError when they aren't all there."""
        try:
            return struct.unpack_from(self.order + form, data, offset)
        except struct.error as error:
            raise BrokenError("the ELF file is cut off") from error

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file, fewer at its end. Raises BrokenError for places that can't be."""
        if not 0 <= offset < 1 << 48 or not 0 <= size <= _MOST:
            raise BrokenError("the ELF file points to nowhere")
        self._file.seek(offset)
        return self._file.read(size)

    def at_address(self, address: int, size: int) -> bytes:
        """Bytes of memory. Raises BrokenError when no segment has them."""
        for segment in self._segments():
            if segment.address <= address and address + size <= segment.address + segment.size:
                return self.read(segment.offset + address - segment.address, size)
        raise BrokenError("the build information points out of the program")

    def build_info(self) -> Iterator[int]:
        """Offsets at which the build information may stand, by the section's name."""
        sections = [self._section(number) for number in range(min(self._sections, _SECTIONS))]
        if self._names >= len(sections):
            return
        names = sections[self._names]
        table = self.read(names.offset, min(names.size, _MOST))
        for section in sections:
            if table.startswith(b".go.buildinfo\0", section.name_at):
                yield section.offset

    def _section(self, number: int) -> _Piece:
        header = self.read(self._section_headers + number * 64, 64)
        name, _, _, address, offset, size = self.unpack("IIQQQQ", header)
        return _Piece(address, offset, size, name)

    def _segments(self) -> Iterator[_Piece]:
        for number in range(self._programs):
            header = self.read(self._program_headers + number * 56, 56)
            _, _, offset, address, _, size = self.unpack("IIQQQQ", header)
            yield _Piece(address, offset, size)


def _strings(elf: _Elf, header: bytes, start: int) -> tuple[str, str]:
    """(Go's version, the module text)."""
    pointer_size, flags = header[14], header[15]
    if flags & _INLINE:
        version, behind = _inline(elf, start + _HEADER)
        return version, _inline(elf, behind)[0]
    if pointer_size != 8:
        raise BrokenError("its build information is not that of a 64-bit program")
    order = ">" if flags & _BIG_ENDIAN else "<"
    texts = (_pointed(elf, address, order) for address in struct.unpack_from(order + "QQ", header, _ALIGN))
    version, modules = texts
    return version, modules


def _inline(elf: _Elf, offset: int) -> tuple[str, int]:
    """A string with its length before it as a varint, and the offset behind it."""
    size = shift = 0
    for number, byte in enumerate(elf.read(offset, 10)):
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            begin = offset + number + 1
            return elf.read(begin, size).decode(errors="replace"), begin + size
    raise BrokenError("its build information is malformed")


def _pointed(elf: _Elf, address: int, order: str) -> str:
    """What a Go string header in memory (address, length) leads to."""
    if address == 0:
        return ""
    text, size = struct.unpack(order + "QQ", elf.at_address(address, 16))
    return elf.at_address(text, size).decode(errors="replace") if size else ""


def _program(text: str) -> Iterator[Package]:
    """The program by its package's path, in the version of the module that the package is part of.

    Built from a checkout, it may have been given one by the linker's flags. (`go build -trimpath` records
    no flags of the linker: the version is empty then.)
    """
    lines = [line.split("\t") for line in text[_SENTINEL:-_SENTINEL].splitlines()]
    path = next((line[1] for line in lines if line[0] == "path" and len(line) == 2), "")
    if not path or path in {"command-line-arguments", "main"}:
        return
    modules = {f"{each.namespace}/{each.name}".lstrip("/"): each.version for each in _modules(text)}
    homes = sorted((home for home in modules if f"{path}/".startswith(f"{home}/")), key=len)
    flags = " ".join(line[1] for line in lines if line[0] == "build" and line[1:2] and "ldflags" in line[1])
    told = _VERSION_FLAG.search(flags)
    version = (modules[homes[-1]] if homes else "") or (told[1] if told else "")
    namespace, _, name = path.rpartition("/")
    yield Package(Kind.GO, name, version, namespace=namespace)


def _standard_library(version: str) -> Iterator[Package]:
    number = version.partition(" ")[0].removeprefix("go")
    if number[:1].isdigit():
        yield Package(Kind.GO, "stdlib", number, licences=("BSD-3-Clause",))


def _modules(text: str) -> Iterator[Package]:
    """Lines `mod`, `dep` and `=>` (instead of the one before): path, version, checksum."""
    found: list[Package] = []
    for line in text[_SENTINEL:-_SENTINEL].splitlines():
        match line.split("\t"):
            case ["mod" | "dep", path, version, *_]:
                found.append(_module(path, version))
            case ["=>", path, version, *_] if found:
                found[-1] = _module(path, version)
    return iter(dict.fromkeys(found))


def _module(path: str, version: str) -> Package:
    namespace, _, name = path.rpartition("/")
    return Package(Kind.GO, name, "" if version == "(devel)" else version, namespace=namespace)
