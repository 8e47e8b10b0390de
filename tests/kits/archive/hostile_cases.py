"""The corpus: hostile .runs, each made from a good one. The same on every machine and every time."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from bundler.core.archive.seal import LENGTH, REQUIRED, TEXT
from bundler.core.errors import ExitCode
from tests.kits.archive.hostile_frames import FRAMES
from tests.kits.archive.hostile_headers import HEADERS
from tests.kits.archive.hostile_kit import BLOCK, Base, Case, Document, Parts, room_of

_NEWER = frozenset({ExitCode.INTEGRITY, ExitCode.UNSUPPORTED})
_SIGNED = frozenset({ExitCode.INTEGRITY, ExitCode.UNSUPPORTED, ExitCode.TRUST})
_UNSUPPORTED = frozenset({ExitCode.UNSUPPORTED})
_LARGE = frozenset({ExitCode.INTEGRITY, ExitCode.SPACE})  # whether there would be room is asked first


def corpus() -> tuple[Case, ...]:
    """All of them; names are unique."""
    return (
        *_flips(),
        *_cuts(),
        *_behind(),
        *_seals(),
        *_places(),
        *indexes(),
        *(Case(f"frame-{name}", make, _LARGE) for name, make in FRAMES.items()),
        *(Case(f"header-{name}", make) for name, make in HEADERS.items()),
    )


def indexes() -> tuple[Case, ...]:
    """Those whose index lies; of a base for two platforms, it is the second one that does."""
    return (*_members(), *_paths(), *_indexes(), *_texts())


# Bits turned over in every part of the file.


def _flips() -> Iterator[Case]:
    for name in REQUIRED:
        for step in range(16):
            yield Case(f"flip-{name}-{step}", partial(flip_section, name=name, step=step))
        for step in range(4):
            yield Case(f"flip-gap-{name}-{step}", partial(flip_gap, name=name, step=step))
    for step in range(160):
        yield Case(f"flip-seal-{step}", partial(_flip_seal, step=step), _NEWER)
    for step in range(16):
        yield Case(f"flip-padding-{step}", partial(_flip_padding, step=step))
    for step in range(60):
        yield Case(f"flip-signature-{step}", partial(_flip_signature, step=step), _SIGNED)


def flip_section(base: Base, *, name: str, step: int) -> bytes:
    section = base.seal.section(name)
    return base.flipped(section.offset + (section.length - 1) * step // 15, step % 8)


def flip_gap(base: Base, *, name: str, step: int) -> bytes:
    section = base.seal.section(name)
    room = -section.end % BLOCK
    return base.flipped(section.end + (room - 1) * step // 3, step * 2)


def _flip_seal(base: Base, *, step: int) -> bytes:
    used = len(base.seal.to_bytes().rstrip(b"\n"))
    return base.flipped(base.seal.offset + used * step // 160, step % 8)


def _flip_padding(base: Base, *, step: int) -> bytes:
    used = len(base.seal.to_bytes().rstrip(b"\n"))
    return base.flipped(base.seal.offset + used + (TEXT - used - 1) * step // 15, step % 8)


def _flip_signature(base: Base, *, step: int) -> bytes:
    used = base.data.rindex(b"-----END") + 40 - room_of(base)
    where = used * step // 48 if step < 48 else used + (TEXT - used - 1) * (step - 48) // 11
    return base.flipped(room_of(base) + where, step % 8)


# Files that end too early, too late, or twice.


def _cuts() -> Iterator[Case]:
    for size in (0, 1, 4095, 4096, LENGTH - 1, LENGTH, LENGTH + 1):
        yield Case(f"cut-to-{size}", lambda base, size=size: base.data[:size])
    for number in range(len(REQUIRED) * 2):
        for by in (-1, 0, 1)[number == 0 :]:
            yield Case(f"cut-at-{number}{by:+}", partial(cut_at, number=number, by=by))
    for size in (1, 2, TEXT - 1, TEXT, TEXT + 1, LENGTH, LENGTH + 1):
        yield Case(f"cut-by-{size}", lambda base, size=size: base.data[:-size])


def cut_at(base: Base, *, number: int, by: int) -> bytes:
    section = base.seal.sections[number // 2]
    return base.data[: (section.end if number % 2 else section.offset) + by]


def _behind() -> Iterator[Case]:
    for size in (1, TEXT, LENGTH, BLOCK, BLOCK + LENGTH):
        yield Case(f"behind-zeros-{size}", lambda base, size=size: base.data + bytes(size))
        yield Case(f"behind-lines-{size}", lambda base, size=size: base.data + b"\n" * size)
    yield Case("behind-another-seal", lambda base: base.data + base.data[base.seal.offset :])
    yield Case("behind-another-run", lambda base: base.data * 2)
    yield Case("before-a-block", lambda base: bytes(BLOCK) + base.data)
    yield Case("without-the-stub", lambda base: base.data[BLOCK:])
    yield Case("without-a-block", lambda base: base.data[: BLOCK * 2] + base.data[BLOCK * 3 :])
    yield Case("with-a-block-twice", lambda base: base.data[: BLOCK * 2] + base.data[BLOCK:])
    yield Case("blocks-swapped", _blocks_swapped)
    yield Case("nothing-but-zeros", lambda base: bytes(len(base.data)))
    yield Case("nothing-but-lines", lambda base: b"\n" * len(base.data))
    yield Case("a-text", lambda _base: b"#!/bin/sh\necho hello\n" * 1000)


def _blocks_swapped(base: Base) -> bytes:
    first, second = base.data[BLOCK * 2 : BLOCK * 3], base.data[BLOCK * 3 : BLOCK * 4]
    return base.data[: BLOCK * 2] + second + first + base.data[BLOCK * 4 :]


# Seals that are not the one valid form, or say what isn't so.


def _seals() -> Iterator[Case]:
    for name, edit in _SEAL_EDITS.items():
        yield Case(f"seal-{name}", lambda base, edit=edit: base.parts.build(edit))
    newer: dict[str, Callable[[bytes], bytes]] = {
        "format-2": lambda text: text.replace(b"run 1", b"run 2"),
        "format-huge": lambda text: text.replace(b"run 1", b"run " + b"9" * 60),
        "part-to-understand": lambda text: text + line("base!", 9 * BLOCK, 0),
    }
    for name, edit in newer.items():
        yield Case(f"seal-{name}", lambda base, edit=edit: base.parts.build(edit), _UNSUPPORTED)
    yield Case("seal-of-another", lambda base: base.parts.put(index=b"{}\n").build(partial(_seal_of, base)))


def _seal_of(base: Base, _text: bytes) -> bytes:
    return base.seal.to_bytes()


def line(name: str, offset: int, length: int) -> bytes:
    return f"{name} {offset} {length} sha256:{'0' * 64}\n".encode()


def _without(text: bytes, number: int) -> bytes:
    lines = text.splitlines(keepends=True)
    return b"".join(lines[:number] + lines[number + 1 :])


def _swapped(text: bytes, one: int, other: int) -> bytes:
    lines = text.splitlines(keepends=True)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _headed(line: int, value: bytes) -> Callable[[bytes], bytes]:
    def edit(text: bytes) -> bytes:
        lines = text.splitlines(keepends=True)
        lines[line] = lines[line].split(b" ")[0] + b" " + value + b"\n"
        return b"".join(lines)

    return edit


_SEAL_EDITS: dict[str, Callable[[bytes], bytes]] = {
    **{f"without-line-{n}": partial(_without, number=n) for n in range(10)},
    **{f"swapped-{n}": partial(_swapped, one=n, other=n + 1) for n in range(9)},
    **{f"twice-{n}": (lambda text, n=n: text + text.splitlines(keepends=True)[n]) for n in range(10)},
    "name-climbs": _headed(1, b"../../etc"),
    "name-runs": _headed(1, b"$(touch${IFS}pwned)"),
    "name-another": _headed(1, b"other"),
    "name-empty": _headed(1, b""),
    "name-long": _headed(1, b"n" * 201),
    "version-colours": _headed(2, b"1\x1b[31m"),
    "version-older": _headed(2, b"0.9.0"),
    "platform-another": _headed(3, b"linux/arm64"),
    "other-hash": lambda text: text.replace(b"sha256:", b"sha512:", 1),
    "hash-in-capitals": lambda text: text[:100] + text[100:].upper(),
    "hash-of-nothing": lambda text: text[:-66] + b"0" * 64 + b"\n",
    "hash-short": lambda text: text[:-2] + b"\n",
    "windows-lines": lambda text: text.replace(b"\n", b"\r\n"),
    "tabs": lambda text: text.replace(b" ", b"\t"),
    "nul": lambda text: text + b"\0",
    "blank-first": lambda text: b"\n" + text,
    "blank-between": lambda text: text.replace(b"\narchive", b"\n\narchive"),
    "blank-at-the-end-of-a-line": lambda text: text.replace(b"\narchive", b" \narchive"),
    "unicode-digits": lambda text: text.replace(b" 65536 ", " \u0666\u0665\u0665\u0663\u0666 ".encode()),
    "comment": lambda text: text + b"# all is well\n",
    "hundreds-of-sections": lambda text: text + b"".join(line(f"x{n}", 6 * BLOCK, 0) for n in range(40)),
    "section-name-in-capitals": lambda text: text + line("Notes", 6 * BLOCK, 0),
    "section-behind-the-end": lambda text: text + line("notes", 6 * BLOCK, 1 << 40),
}

LIES = ("-1", "+1", "1", "0x10", "065536", "1e5", "", str(1 << 62), str(1 << 63), str((1 << 64) + BLOCK))


def _places() -> Iterator[Case]:
    """Offsets and lengths of sections: overlapping, beyond the end, negative, no numbers."""
    for number, name in enumerate(REQUIRED):
        for column in (1, 2):
            for lie in LIES:
                edit = partial(lied, number=number + 4, column=column, lie=lie.encode())
                case = f"place-{name}-{'offset' if column == 1 else 'length'}-{lie or 'nothing'}"
                yield Case(case, lambda base, edit=edit: base.parts.build(edit))


def lied(text: bytes, *, number: int, column: int, lie: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    words = lines[number].split(b" ")
    words[column] = lie
    lines[number] = b" ".join(words)
    return b"".join(lines)


# Indexes that lie, properly sealed.

_NO_NUMBERS: tuple[Any, ...] = (-1, 1 << 63, 1 << 64, 10**30, 1.0, "5", None, True, [], {})


def _members() -> Iterator[Case]:
    for key in ("size", "offset", "length", "mode"):
        for number, lie in enumerate(_NO_NUMBERS):
            yield _member(f"{key}-{number}", **{key: lie})
    for key in ("offset", "length"):
        yield _member(f"{key}-2-62", **{key: 1 << 62})
    for size in (0, 8, 1 << 30, 1 << 44, 1 << 62):
        yield replace(_member(f"size-says-{size}", size=size), codes=_LARGE)
    yield _member("length-is-0", length=0)
    yield _member("length-is-1", length=1)
    yield _member("length-over-the-next", length=9000)
    yield _member("offset-is-0", offset=0)
    for mode in (0o1000, 0o2755, 0o4755, 0o7777, 0o100644):
        yield _member(f"mode-{mode:o}", mode=mode)
    short, other = "sha256:" + "0" * 63, "sha512:" + "0" * 64
    for number, lie in enumerate(("", "sha256:", short, other, "0" * 64, None, 5)):
        yield _member(f"digest-{number}", digest=lie)
    yield _member("digest-of-something-else", digest="sha256:" + "0" * 64)
    yield _member("unknown-key", link="/etc/passwd")
    yield _changed("members-overlap", lambda doc: doc["members"][1].update(offset=0))
    yield _changed("members-out-of-order", lambda doc: doc["members"].reverse())
    yield _changed("members-no-list", lambda doc: doc.update(members={}))
    yield _changed("members-of-lists", lambda doc: doc.update(members=[[]] * 9))
    yield _changed("members-too-many", lambda doc: doc.update(members=[0] * 500_001))


def _member(name: str, **fields: Any) -> Case:
    return Case(f"member-{name}", lambda base: base.parts.member(0, **fields).build())


def _changed(name: str, change: Callable[[Document], object]) -> Case:
    def make(base: Base) -> bytes:
        document = base.parts.document
        change(document)
        return base.parts.index(document).build()

    return Case(f"index-{name}", make)


BAD_PATHS = (
    *("", ".", "..", "/", "//", "/etc/passwd", "../x", "../../../../etc/cron.d/x", "a/../b", "a/..", "./a"),
    *("a//b", "a/", "a/.", "a\0b", "a\nb", "a\x1b[31mb", "\x7f", "x\x9b31m", "a\u202eb", "a\u2028b"),
    *("\ud800", "a" * 256, "a/" * 128 + "b", "/".join(["a" * 250] * 17), "empty", "empty/below"),
)


def _paths() -> Iterator[Case]:
    for number, path in enumerate(BAD_PATHS):
        yield _member(f"path-{number}", path=path)
        if "empty" not in path:
            yield _changed(f"app-path-{number}", partial(_put, kind="apps", path=path))
            yield _changed(f"package-path-{number}", partial(_put, kind="packages", path=path))
    for number, wrong in enumerate((None, 5, ["a"], {"a": 1})):
        yield _member(f"path-type-{number}", path=wrong)


def _put(document: Document, *, kind: str, **fields: Any) -> None:
    document[kind][0] |= fields


_NAMES = ("", "../../etc", "a b", "a\nb", "$(reboot)", "-oDir=/", "a\x1b[31m", "n" * 300)


def _indexes() -> Iterator[Case]:
    for kind, key in (("apps", "name"), ("packages", "name"), ("packages", "suite"), ("images", "name")):
        for number, name in enumerate(_NAMES):
            change = partial(_named, kind=kind, key=key, name=name)
            yield _changed(f"{kind}-{key}-{number}", change)
    for key in ("name", "version", "platform"):
        for number, name in enumerate((*_NAMES, "other")):
            yield _changed(f"{key}-{number}", lambda doc, key=key, name=name: doc.update({key: name}))
    for key in _KEYS:
        yield _changed(f"without-{key}", lambda doc, key=key: doc.pop(key))
        for number, value in enumerate((-5, "\x1b[31m", [[]], {"\x1b[31m": 5})):
            yield _changed(f"{key}-is-{number}", lambda doc, key=key, value=value: doc.update({key: value}))
    yield _changed("unknown-key", lambda doc: doc.update(exec="rm"))
    yield _changed("unknown-key-colours", lambda doc: doc.update({"\x1b[31m": 1}))
    yield _changed("label-colours", lambda doc: doc.update(labels={"\x1b]0;x\x07": 5}))
    yield _changed("image-of-no-blob", lambda doc: doc["images"][0].update(digest=_ZEROS))
    yield _changed("image-lost-blob", lambda doc: doc["images"][0].update(blobs=[_ZEROS]))
    yield _changed("image-twice", lambda doc: doc["images"].append(doc["images"][0]))
    yield _changed("app-twice", lambda doc: doc["apps"].append(doc["apps"][0]))
    yield _changed("app-of-no-kind", lambda doc: doc["apps"][0].update(kind="\x1b[31m"))
    yield _changed("app-without-words", lambda doc: doc["apps"][0].update(commands=[[]]))
    yield _changed("app-env", lambda doc: doc["apps"][0].update(env={"A;reboot": "x"}))
    yield _changed("launch-of-nothing", lambda doc: doc.update(launch=["\x1b[31m"]))
    yield _changed("format-0", lambda doc: doc.update(format=0))
    yield _changed("format-true", lambda doc: doc.update(format=True))
    for number, value in enumerate((2, 10**20, 10**4000)):
        make = partial(_format, value=value)
        yield Case(f"index-format-newer-{number}", make, _NEWER)


_ZEROS = "sha256:" + "0" * 64
_KEYS = (
    *("apps", "commands", "env", "format", "images", "kube_versions", "kubernetes", "labels"),
    *("launch", "members", "packages"),
)


def _format(base: Base, *, value: int) -> bytes:
    return base.parts.index(base.parts.document | {"format": value}).build()


def _named(document: Document, *, kind: str, key: str, name: str) -> None:
    document[kind][0][key] = name
    if kind == "apps":
        document["launch"] = [name]


# Texts that are no index at all, properly sealed.


def _texts() -> Iterator[Case]:
    for name, text in _INDEX_TEXTS.items():
        yield Case(f"text-{name}", lambda base, text=text: base.parts.text(text).build())
    for name, edit in _INDEX_EDITS.items():
        yield Case(f"text-{name}", partial(_edited, edit=edit))
    yield Case("text-with-blanks", lambda base: _written(base.parts, sort_keys=True))
    yield Case("text-unsorted", lambda base: _written(base.parts, separators=(",", ":"), reverse=True))


def _edited(base: Base, *, edit: Callable[[bytes], bytes]) -> bytes:
    return base.parts.text(edit(base.parts.sections[base.at])).build()


def _written(parts: Parts, *, reverse: bool = False, **options: Any) -> bytes:
    document = dict(sorted(parts.document.items(), reverse=reverse))
    return parts.text(json.dumps(document, **options).encode() + b"\n").build()


_INDEX_TEXTS = {
    "nothing": b"",
    "null": b"null\n",
    "list": b"[]\n",
    "number": b"5\n",
    "string": b'"x"\n',
    "object": b"{}\n",
    "deep-lists": b"[" * 200_000,
    "deep-objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "long-number": b'{"format":' + b"9" * 100_000 + b"}",
    "many-numbers": b"[" + b"0," * 6_000_000 + b"0]\n",
    "many-lists": b"[" + b"[]," * 3_000_000 + b"[]]\n",
    "utf-16": '{"format":1}'.encode("utf-16"),
    "noise": bytes(range(256)),
    "a-program": b"#!/bin/sh\n",
}

_INDEX_EDITS: dict[str, Callable[[bytes], bytes]] = {
    "byte-order-mark": lambda text: b"\xef\xbb\xbf" + text,
    "no-utf-8": lambda text: text.replace(b'"me"', b'"\xff\xfe"'),
    "raw-unicode": lambda text: text.replace(b'"me"', '"größe"'.encode()),
    "lone-surrogate": lambda text: text.replace(b'"me"', b'"\\ud800"'),
    "other-escape": lambda text: text.replace(b'"me"', b'"\\u006de"'),
    "no-newline": lambda text: text.rstrip(b"\n"),
    "two-newlines": lambda text: text + b"\n",
    "two-documents": lambda text: text + text,
    "cut": lambda text: text[:-20],
    "nan": lambda text: text.replace(b'"format":1', b'"format":NaN'),
    "infinity": lambda text: text.replace(b'"format":1', b'"format":-Infinity'),
    "float": lambda text: text.replace(b'"format":1', b'"format":1.0'),
    "exponent": lambda text: text.replace(b'"format":1', b'"format":1e0'),
    "minus-zero": lambda text: text.replace(b'"size":0', b'"size":-0'),
    "key-twice": lambda text: text.replace(b'"format":1', b'"format":1,"format":1'),
    "member-key-twice": lambda text: text.replace(b'"mode":420', b'"mode":420,"mode":511', 1),
    "path-escaped": lambda text: text.replace(b'"empty"', b'"\\u002e\\u002e\\u002fempty"'),
}
