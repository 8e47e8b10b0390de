"""A whole .run to spoil, and the means to put one together from parts that lie but are sealed properly."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundler.core import sshwire
from bundler.core.archive import Bundle, BundleWriter, Seal, frames, tarhead
from bundler.core.archive import signature as room
from bundler.core.archive.extract import extract, select
from bundler.core.archive.platforms import FOLDER, Edition, section_name
from bundler.core.archive.seal import ALIGN, TEXT, aligned
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole, Image, Index, OsPackage
from bundler.core.sshkey import ED25519, PublicKey
from bundler.core.sshsig import Signature
from tests.kits.archive.bundles import STUB, meta

LAYER = b"\x1f\x8b" + bytes(range(256)) * 40
FILES: Mapping[str, bytes] = {
    "root/bin/kubelet": b"\x7fELF" + b"kubelet " * 4000,
    f"images/blobs/sha256/{Digest.of(LAYER).hex}": LAYER,
    "packages/debian-bookworm/jq_1.6_amd64.deb": b"!<arch>\ndebian-binary   " + bytes(3000),
    "root/application/apps/web/app.yaml": b"kind: Namespace\n",
    "empty": b"",
}

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_DIGESTS = {path: Digest.of(data) for path, data in FILES.items()}

Document = dict[str, Any]  # the index's JSON


@dataclass(frozen=True, slots=True)
class Parts:
    """A .run taken apart.

    sections: their bytes, in order. head: the seal's first lines. at: which of the indexes lies.
    """

    sections: Mapping[str, bytes]
    head: str = "bundler-run 1\nname demo\nversion 1.0.0\nplatform linux/amd64\n"
    at: str = "index"

    def build(self, edit: Callable[[bytes], bytes] = lambda text: text) -> bytes:
        """The file, sealed by whoever spoiled it; `edit` changes the seal's text first."""
        body, text = bytearray(), self.head.encode()
        for name, data in self.sections.items():
            text += f"{name} {len(body)} {len(data)} sha256:{hashlib.sha256(data).hexdigest()}\n".encode()
            body += data.ljust(aligned(len(data)), b"\0")
        return bytes(body) + edit(text).ljust(TEXT, b"\n")[:TEXT] + room.EMPTY

    def put(self, **sections: bytes) -> "Parts":
        """The same with other sections."""
        return replace(self, sections={**self.sections, **sections})

    def text(self, data: bytes) -> "Parts":
        """The same with another index."""
        return self.put(**{self.at: data})

    @property
    def document(self) -> Document:
        """The index."""
        found: Document = json.loads(self.sections[self.at])
        return found

    def index(self, document: Any) -> "Parts":
        """The same with another index, in canonical JSON."""
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return self.text(text.encode() + b"\n")

    def member(self, number: int, **fields: Any) -> "Parts":
        """The same with a member that says other things of itself."""
        document = self.document
        document["members"][number] |= fields
        return self.index(document)

    def framed(
        self, frame: bytes, *, before: bytes | None = None, after: bytes | None = None, **fields: Any
    ) -> "Parts":
        """An archive of one member, and an index that points at its frame.

        before, after: what stands around it in the archive, where that is not what belongs there.
        """
        document = self.document
        member = document["members"][0] | {"path": "only", "length": len(frame)} | fields
        before = frames.small(header(member)) if before is None else before
        after = frames.small(tarhead.padding(member["size"]) + tarhead.end()) if after is None else after
        member |= {"offset": fields.get("offset", len(before))}
        document |= {"members": [member], "images": [], "packages": [], "apps": [], "launch": []}
        return self.index(document | {"commands": ["true"]}).put(archive=before + frame + after)


def header(member: Document) -> bytes:
    """The tar header that an index calls for."""
    return tarhead.header(member["path"], size=member["size"], mode=member["mode"], mtime=0)


@dataclass(frozen=True, slots=True)
class Base:
    """A good, signed .run. at: which of its indexes is spoiled."""

    data: bytes
    seal: Seal
    at: str = "index"

    @property
    def parts(self) -> Parts:
        """What it is made of."""
        sections = {each.name: self.data[each.offset : each.end] for each in self.seal.sections}
        return Parts(sections, at=self.at)

    def flipped(self, offset: int, bit: int) -> bytes:
        """The file with one bit turned over."""
        spoiled = bytearray(self.data)
        spoiled[offset] ^= 1 << bit
        return bytes(spoiled)


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile file and the exit codes with which it may be refused."""

    name: str
    make: Callable[[Base], bytes]
    codes: frozenset[ExitCode] = frozenset({ExitCode.INTEGRITY})


def make_base(target: Path, runtime: Path, stub: str = STUB) -> Base:
    """Write a good .run with one of everything that an index names."""
    with BundleWriter(target, stub=stub, runtime=runtime) as writer:
        _add(writer, {path: path for path in FILES})
        seal = writer.finish(_index(), sign=_sign)
    return Base(target.read_bytes(), seal)


SECOND: Final = "linux/arm64"


def make_universal(target: Path, runtime: Path, stub: str = STUB) -> Base:
    """The same for two platforms, each with members of its own; the second's index is the one to spoil."""
    first = {path: path for path in FILES}
    second = {path: f"{FOLDER}/linux-arm64/{path}" for path in FILES}
    with BundleWriter(target, stub=stub, runtime=runtime) as writer:
        _add(writer, first)
        _add(writer, second)
        edition = Edition(_index(platform=SECOND), runtime, second)
        seal = writer.finish(_index(), sign=_sign, names=first, further=(edition,))
    return Base(target.read_bytes(), seal, section_name("index", SECOND))


def _add(writer: BundleWriter, names: Mapping[str, str]) -> None:
    for path, data in FILES.items():
        writer.add(names[path], [data], size=len(data), digest=_DIGESTS[path])


def _index(platform: str = "linux/amd64") -> Index:
    blob = Digest.of(LAYER)
    package = "packages/debian-bookworm/jq_1.6_amd64.deb"
    return meta(
        platform=platform,
        labels={"maintainer": "me"},
        apps=(App("web", AppKind.KUBE, AppRole.APP, "application/apps/web", (("true",),), {"A": "b"}),),
        launch=("web",),
        images=(Image("docker.io/library/web:1", blob, "application/x", len(LAYER), (blob,), ()),),
        packages=(OsPackage("debian:bookworm", "jq", "1.6", "amd64", package, requested=True),),
    )


def _sign(text: bytes) -> Signature:
    key = PublicKey(ED25519, _KEY.public_key().public_bytes_raw())
    return Signature.make(key, text, lambda data: _wire(_KEY.sign(data)))


def _wire(raw: bytes) -> bytes:
    return sshwire.string(ED25519.encode()) + sshwire.string(raw)


def consume(path: Path, folder: Path) -> None:
    """What may be done with a .run: open, check, verify who signed it, take all out into `folder`.

    Of several platforms, what the last one has.
    """
    with Bundle.open(path) as bundle:
        bundle.check()
        if (signature := bundle.signature()) is not None:
            signature.verify(bundle.seal.to_bytes())
        take_out(bundle.of(bundle.platforms[-1]), folder)


def take_out(bundle: Bundle, folder: Path) -> None:
    """All members into a folder."""
    extract(bundle, select(bundle.index, ["*"]), folder)


def left_whole(folder: Path) -> bool:
    """Whether every file below the folder is one of the good .run's, and whole."""
    there = (path for path in folder.rglob("*") if not path.is_dir())
    return all(
        not path.is_symlink() and path.read_bytes() == FILES.get(str(path.relative_to(folder)))
        for path in there
    )


def is_clear(text: str) -> bool:
    """A few lines for people, without anything that a terminal would obey."""
    lines = text.rstrip("\n").split("\n")
    tame = all(line.isprintable() for line in lines)
    return tame and "Traceback" not in text and 0 < len(lines) <= 3 and len(text) < 1500


def refusal(path: Path, folder: Path) -> BundlerError | None:
    """How the file is refused; None where it is not."""
    try:
        consume(path, folder)
    except BundlerError as error:
        return error
    return None


def stored(data: bytes) -> bytes:
    """A frame of raw blocks."""
    return b"".join(frames.stored([data], len(data)))


BLOCK = ALIGN


def room_of(base: Base) -> int:
    """Where the signature stands."""
    return base.seal.offset + TEXT
