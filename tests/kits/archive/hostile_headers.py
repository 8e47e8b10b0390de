"""Archives whose tar says something else than their index; seal, index and every content's digest are right.

Who asks the index sees a harmless file; who uses `tar`, as docs/format.md tells them to, gets something else.
"""

import hashlib
import tarfile
from collections.abc import Callable
from typing import Any

from bundler.core.archive import frames, tarhead
from tests.kits.archive.hostile_kit import Base, stored

_TEXT = b"what everybody looks at " * 50
_FIELDS = {
    "path": "only",
    "mode": 0o644,
    "size": len(_TEXT),
    "digest": f"sha256:{hashlib.sha256(_TEXT).hexdigest()}",
}
_HEADER = tarhead.header("only", size=len(_TEXT), mode=0o644, mtime=0)
_END = tarhead.padding(len(_TEXT)) + tarhead.end()
_SKIPPED = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip"


def _header(**fields: Any) -> bytes:
    """A header that tells something else of the member; `name`, `size`, `mode` and so on, as in tarfile."""
    info = tarfile.TarInfo("only")
    info.size, info.mode, info.mtime, info.uname, info.gname = len(_TEXT), 0o644, 0, "root", "root"
    for name, value in fields.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """One more entry, without content."""
    return _header(name=name, type=kind, linkname=link, size=0)


def _framed(
    frame: bytes = stored(_TEXT), *, before: bytes = _HEADER, after: bytes = _END
) -> Callable[[Base], bytes]:
    return _between(frame, before=frames.small(before), after=frames.small(after))


def _between(
    frame: bytes = stored(_TEXT),
    *,
    before: bytes = frames.small(_HEADER),
    after: bytes = frames.small(_END),
) -> Callable[[Base], bytes]:
    return lambda base: base.parts.framed(frame, before=before, after=after, **_FIELDS).build()


def _without_a_member(archive: bytes) -> Callable[[Base], bytes]:
    def make(base: Base) -> bytes:
        lists = ("members", "images", "packages", "apps", "launch")
        document = base.parts.document | {name: [] for name in lists} | {"commands": ["true"]}
        return base.parts.index(document).put(archive=archive).build()

    return make


GOOD = _framed()

HEADERS: dict[str, Callable[[Base], bytes]] = {
    "another-name": _framed(before=_header(name="/etc/cron.d/x")),
    "a-name-that-climbs": _framed(before=_header(name="../../root/.ssh/authorized_keys")),
    "a-longer-name": _framed(before=_header(name="n" * 200)),
    "set-uid": _framed(before=_header(mode=0o4755)),
    "other-permissions": _framed(before=_header(mode=0o777)),
    "another-owner": _framed(before=_header(uid=1000)),
    "another-owners-name": _framed(before=_header(uname="nobody")),
    "another-size": _framed(before=_header(size=100)),
    "a-size-of-terabytes": _framed(before=_header(size=1 << 45)),
    "a-negative-time": _framed(before=_header(mtime=-5)),
    "a-link-for-a-file": _framed(before=_header(type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "a-hard-link-for-a-file": _framed(before=_header(type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "a-device-for-a-file": _framed(before=_header(type=tarfile.BLKTYPE, devmajor=8)),
    "a-folder-for-a-file": _framed(before=_header(type=tarfile.DIRTYPE)),
    "a-sparse-file": _framed(before=_header(type=tarfile.GNUTYPE_SPARSE)),
    "a-link-before": _framed(before=_entry("x", tarfile.SYMTYPE, "/etc") + _HEADER),
    "a-file-before": _framed(before=_entry("x") + _HEADER),
    "a-pax-header-before": _framed(
        before=tarfile.TarInfo("x").create_pax_header(
            {**tarfile.TarInfo("only").get_info(), "path": "\u00fc", "size": 1 << 40}, "utf-8"
        )
        + _HEADER
    ),
    "a-long-name-before": _framed(before=_header(name="n" * 200)[: 2 * tarhead.BLOCK] + _HEADER),
    "a-file-behind": _framed(after=tarhead.padding(len(_TEXT)) + _entry("x") + tarhead.end()),
    "a-link-behind": _framed(
        after=tarhead.padding(len(_TEXT)) + _entry("x", tarfile.SYMTYPE, "/") + tarhead.end()
    ),
    "a-file-behind-the-end": _framed(after=_END + _entry("x") + tarhead.end()),
    "padding-that-is-not-empty": _framed(after=b"x" + _END[1:]),
    "no-padding": _framed(after=tarhead.end()),
    "no-end": _framed(after=tarhead.padding(len(_TEXT))),
    "half-an-end": _framed(after=_END[:-512]),
    "no-header": _framed(before=b""),
    "half-a-header": _framed(before=_HEADER[:300]),
    "an-old-header": _framed(before=_HEADER[:257] + bytes(255)),
    "a-wrong-checksum": _framed(before=_HEADER[:148] + b"000000\0 " + _HEADER[156:]),
    "noise": _framed(before=bytes(range(256)) * 2),
    "headers-without-end": _framed(before=_HEADER * 100),
    "nothing-before": _between(before=b""),
    "nothing-behind": _between(after=b""),
    "a-frame-more-before": _between(before=frames.small(_HEADER) + frames.small(_entry("x"))),
    "an-empty-frame-more-before": _between(before=frames.small(_HEADER) + frames.small(b"")),
    "a-skipped-frame-before": _between(before=frames.small(_HEADER) + _SKIPPED),
    "a-header-in-two-frames": _between(before=frames.small(_HEADER[:256]) + frames.small(_HEADER[256:])),
    "a-frame-more-behind": _between(after=frames.small(_END) + frames.small(_entry("x") + tarhead.end())),
    "a-skipped-frame-behind": _between(after=frames.small(_END) + _SKIPPED),
    "noise-behind": _between(after=frames.small(_END) + b"noise"),
    "no-frame-behind": _between(after=_END),
    "a-bomb-before": _between(before=frames.small(bytes(1 << 26))),
    "a-frame-more-in-the-content": _framed(stored(_TEXT) + frames.small(_entry("x") + bytes(512))),
    "a-skipped-frame-in-the-content": _framed(stored(_TEXT) + _SKIPPED),
    "noise-in-the-content": _framed(stored(_TEXT) + b"noise"),
    "nothing-listed-but-a-file-there": _without_a_member(frames.small(_entry("x") + tarhead.end())),
    "nothing-listed-and-no-end": _without_a_member(b""),
}
