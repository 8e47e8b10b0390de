"""Two facts of an ELF file: which loader it asks for (PT_INTERP), and what it runs on."""

import struct
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode

HEAD = 20

_PT_INTERP = 3
_MACHINES = {3: "386", 21: "ppc64le", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64"}


def interpreter(path: Path) -> Path:
    """The loader of a 64-bit little-endian ELF program.

    Raises BundlerError (UNSUPPORTED) when the file is no such program or asks for no loader.
    """
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) == 64 and head[:6] == b"\x7fELF\x02\x01":
            start, entry_size, count = (
                *struct.unpack_from("<Q", head, 32),
                *struct.unpack_from("<HH", head, 54),
            )
            for number in range(count):
                file.seek(start + number * entry_size)
                entry = file.read(40).ljust(40, b"\0")  # a cut file has no entries there
                kind, _flags, offset, _vaddr, _paddr, size = struct.unpack("<IIQQQQ", entry)
                if kind == _PT_INTERP:
                    file.seek(offset)
                    return Path(file.read(size).rstrip(b"\0").decode())
    raise BundlerError(
        "this is not a program with a loader",
        where=path,
        code=ExitCode.UNSUPPORTED,
        fix="build with the distribution's own Python, such as Debian's /usr/bin/python3",
    )


def architecture(head: bytes) -> str:
    """What an ELF file runs on, as OCI names it; "" for another file or a machine that isn't known.

    head: its first `HEAD` bytes.
    """
    if len(head) < HEAD or head[:4] != b"\x7fELF":
        return ""
    order = ">" if head[5] == 2 else "<"
    return _MACHINES.get(int(struct.unpack_from(f"{order}H", head, 18)[0]), "")
