"""Layers, packages and programs made of nothing, for the tests of bills of materials."""

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

DPKG = "var/lib/dpkg/status"


def tar(
    files: Mapping[str, bytes | str | None], *, form: int = tarfile.GNU_FORMAT, mode: int = 0o644
) -> bytes:
    """A layer: bytes make a file, text a symbolic link, None a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = mode
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            made.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def chunks(data: bytes, size: int = 1000) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def stanza(name: str, version: str = "1.0", **fields: str) -> str:
    plain = {"Package": name, "Status": "install ok installed", "Version": version, "Architecture": "amd64"}
    return "".join(f"{key}: {value}\n" for key, value in (plain | fields).items())


def status(*names: str) -> bytes:
    return "\n".join(stanza(name) for name in names).encode()


def wheel(name: str, version: str = "1.0", *more: str) -> dict[str, bytes]:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *more,
        "",
        "Version: of the text",
    ]
    return {f"usr/lib/python3/dist-packages/{name}.dist-info/METADATA": "\n".join(lines).encode()}


def jar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def pom(group: str, artifact: str, version: str) -> dict[str, bytes]:
    text = f"#made\ngroupId={group}\nartifactId={artifact}\nversion={version}\n"
    return {f"META-INF/maven/{group}/{artifact}/pom.properties": text.encode()}


def node(name: str, **fields: object) -> dict[str, bytes]:
    return {f"app/node_modules/{name}/package.json": json.dumps({"name": name, **fields}).encode()}


def modules(*lines: str) -> str:
    """The module text as the Go linker keeps it: between two marks of 16 bytes."""
    return "0" * 16 + "".join(f"{line}\n" for line in lines) + "1" * 16


def go_program(version: str, text: str, *, inline: bool = True, size: int = 1 << 16) -> bytes:
    """A 64-bit ELF file with a section `.go.buildinfo`, as Go 1.18 (inline) or Go 1.13 writes it."""
    base, at = 0x400000, 0x1000
    if inline:
        strings = b"".join(_varint(len(part.encode())) + part.encode() for part in (version, text))
        info = b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + strings
    else:
        parts = [part.encode() for part in (version, text)]
        heads = base + at + 32
        start = heads + 32
        pointers = struct.pack("<QQ", heads, heads + 16)
        lengths = struct.pack("<QQQQ", start, len(parts[0]), start + len(parts[0]), len(parts[1]))
        info = b"\xff Go buildinf:\x08\x00" + pointers + lengths + b"".join(parts)
    names = b"\0.go.buildinfo\0.shstrtab\0"
    names_at = at + len(info)
    sections_at = names_at + len(names)
    program = struct.pack("<IIQQQQQQ", 1, 6, at, base + at, 0, len(info), len(info), 4096)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 3, base + at, at, len(info), 0, 0, 16, 0)
    sections += struct.pack("<IIQQQQIIQQ", 15, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, sections_at, 0, 64, 56, 1, 64, 3, 2)
    start_of_file = (head + program + b"\x04\0\0\0\x10\0\0\0\x04\0\0\0Go\0\0").ljust(at, b"\0")
    return (start_of_file + info + names + sections).ljust(size, b"\0")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def rpm_header(**fields: str | int) -> bytes:
    """A header as rpm keeps it: index entries, then their data."""
    tags = {"name": 1000, "version": 1001, "release": 1002, "epoch": 1003, "licence": 1014, "arch": 1022}
    entries, data = b"", b""
    for name, value in fields.items():
        kind = 4 if isinstance(value, int) else 6
        data += bytes(-len(data) % 4) if kind == 4 else b""
        entries += struct.pack(">IIII", tags[name], kind, len(data), 1)
        data += struct.pack(">I", value) if isinstance(value, int) else value.encode() + b"\0"
    return struct.pack(">II", len(fields), len(data)) + entries + data


def rpm_file(payload: bytes, **fields: str | int) -> bytes:
    """An .rpm: lead, a header of signatures with nothing in it, the header, the payload as it is packed."""
    magic = b"\x8e\xad\xe8\x01" + bytes(4)
    return b"\xed\xab\xee\xdb".ljust(96, b"\0") + magic + bytes(8) + magic + rpm_header(**fields) + payload


def cpio(files: Mapping[str, bytes]) -> bytes:
    """A cpio archive of the form `newc`."""
    made = b""
    for name, data in {**files, "TRAILER!!!": b""}.items():
        numbers = (0, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        made += b"070701" + b"".join(f"{number:08x}".encode() for number in numbers)
        made += name.encode() + b"\0"
        made += bytes(-len(made) % 4) + data
        made += bytes(-len(made) % 4)
    return made


def ndb(*blobs: bytes) -> bytes:
    """rpm's own database format: a page of slots, then the headers in blocks of 16 bytes."""
    slots, stored = b"", b""
    for number, blob in enumerate(blobs, 1):
        block = (4096 + len(stored)) // 16
        slots += struct.pack("<4sIII", b"Slot", number, block, (len(blob) + 47) // 16)
        stored += struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
        stored += bytes(-len(stored) % 16)
    head = struct.pack("<4sIIIIIII", b"RpmP", 0, 1, 1, len(blobs) + 1, 0, 0, 0)
    free = struct.pack("<4sIII", b"Slot", 0, 0, 0)
    return (head + slots).ljust(32, b"\0") + free * ((4096 - 32 - len(slots)) // 16) + stored


def bdb(*blobs: bytes, order: str = "<", size: int = 512) -> bytes:
    """Berkeley DB's hash form, a hash page for each value: long ones in pages of their own."""
    pages = [b""]
    for number, blob in enumerate((struct.pack(f"{order}I", len(blobs)), *blobs)):
        chain = [blob[at : at + size - 26] for at in range(0, len(blob), size - 26)]
        if len(blob) < size // 4:
            value, chain = b"\x01" + blob, []
        else:
            value = struct.pack(f"{order}B3xII", 3, len(pages) + 1, len(blob))
        key = b"\x01" + struct.pack(f"{order}I", number)
        places = struct.pack(f"{order}HH", size - len(key), size - len(key) - len(value))
        head = struct.pack(f"{order}8xIIIHHBB", len(pages), 0, 0, 2, size - len(key) - len(value), 0, 13)
        page = head + places
        pages.append(page.ljust(size - len(key) - len(value), b"\0") + value + key)
        for part in chain:
            following = len(pages) + 1 if part is not chain[-1] else 0
            head = struct.pack(f"{order}8xIIIHHBB", len(pages), 0, following, 1, len(part), 0, 7)
            pages.append((head + part).ljust(size, b"\0"))
    meta = struct.pack(f"{order}8xIIIIBBBxII", 0, 0x61561, 9, size, 0, 8, 0, 0, len(pages) - 1)
    return meta.ljust(size, b"\0") + b"".join(pages[1:])


def deb(files: Mapping[str, bytes | str | None], pack: Any = lambda data: data, suffix: str = "") -> bytes:
    """A .deb with these files."""
    members = {
        b"debian-binary": b"2.0\n",
        b"control.tar": tar({}),
        b"data.tar" + suffix.encode(): pack(tar(files)),
    }
    out = b"!<arch>\n"
    for name, content in members.items():
        out += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, 0, 0, 0, 0o100644, len(content)) + content
        out += b"\n" * (len(content) % 2)
    return out
