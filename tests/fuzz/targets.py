"""What is fuzzed, and what each reader promises: a value that holds together, or a `BundlerError`."""

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import zstandard

from bundler.builder.kubefile import parser
from bundler.core import oci, yamldoc
from bundler.core.archive import Bundle, frames
from bundler.core.archive.platforms import tar_entries
from bundler.core.archive.seal import RECIPES, TEXT
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, Problems
from bundler.core.reference import Reference
from tests.kits.archive.hostile_kit import FILES, Base, header, make_base, make_universal, stored
from tests.kits.archive.hostile_recipes import make_derived

_BUDGET: Final = 4 << 20  # bytes that one input may unpack to


@dataclass(frozen=True, slots=True)
class Target:
    """check: takes any bytes, raises for a broken promise. seeds: what to start from. longest: bytes."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    longest: int


def is_tame(text: str) -> bool:
    """Lines that hold nothing that a terminal would obey."""
    return bool(text) and text.replace("\n", "").isprintable()


@contextmanager
def refusals(*, ours: bool = True) -> Iterator[None]:
    """Let the reader refuse; `ours`: the message holds nothing that a terminal would obey."""
    text = ""
    try:
        yield
    except BundlerError as error:
        text = str(error) or "\0"
    assert not text or not ours or is_tame(text), repr(text)


# The .run: the first byte says which part of a good file the rest takes the place of.


@cache
def _base(make: Callable[[Path, Path], Base] = make_base) -> Base:
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder) / "runtime.tar.gz"
        runtime.write_bytes(b"\x1f\x8b" + bytes(200))
        return make(Path(folder) / "good.run", runtime)


def spoiled_run(data: bytes) -> bytes:
    """A whole file out of the fuzzer's bytes."""
    kind, rest = data[:1], data[1:]
    base = _base({b"u": make_universal, b"t": make_universal, b"r": make_derived}.get(kind, make_base))
    match kind:
        case b"i" | b"u" | b"r":  # an index, sealed properly; that of a second platform; recipes
            return base.parts.put(**{RECIPES if kind == b"r" else base.at: rest}).build()
        case b"f":  # a frame, and an index that says of it what its first bytes tell
            size = int.from_bytes(rest[:3], "little")
            return base.parts.framed(rest[3:], size=size, digest=str(Digest.of(rest[3:]))).build()
        case b"h":  # what stands in front of a member in the tar
            text = FILES["root/bin/kubelet"]
            digest = str(Digest.of(text))
            return base.parts.framed(
                stored(text), before=rest, path="only", size=len(text), digest=digest
            ).build()
        case b"s" | b"t":  # a seal's text; that of two platforms
            return base.parts.build(lambda _text: rest)
        case b"g":  # a signature
            return base.data[: base.seal.offset + TEXT] + rest.ljust(TEXT, b"\n")[:TEXT]
        case _:
            return rest


def run(data: bytes) -> None:
    """The whole reader on a file."""
    fd = os.memfd_create("run")
    try:
        os.write(fd, spoiled_run(data))
        with refusals(), Bundle.open(Path(f"/proc/self/fd/{fd}")) as bundle:
            for of in map(bundle.of, bundle.platforms):
                assert of.index.to_json() == b"".join(of.section(of.own("index").name))
                for member in of.index.members:
                    _read(of, member.path)
            bundle.check()
            _hold_against_tar(bundle)
            if (signature := bundle.signature()) is not None:
                signature.verify(bundle.seal.to_bytes())
    finally:
        os.close(fd)


def _read(bundle: Bundle, path: str) -> None:
    member, seen = bundle.member(path), 0
    for chunk in bundle.chunks(member):
        seen += len(chunk)
        assert seen <= member.size
        if seen > _BUDGET:
            return
    assert seen == member.size


def _hold_against_tar(bundle: Bundle) -> None:
    """After a check, the archive is as a tar what the index says."""
    entries = tar_entries(bundle.indexes)
    if sum(member.size for member in entries) > _BUDGET:
        return
    packed = io.BytesIO(b"".join(bundle.section("archive")))
    plain = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        seen = [(each.name, each.size, each.mode, each.isreg()) for each in tar]
    assert seen == [(each.path, each.size, each.mode, True) for each in entries if each.length]


def _run_seeds() -> Iterator[bytes]:
    base = _base()
    yield b"i" + base.parts.sections["index"]
    yield b"s" + base.seal.to_bytes().rstrip(b"\n") + b"\n"
    both = _base(make_universal)
    yield b"u" + both.parts.sections[both.at]
    yield b"t" + both.seal.to_bytes().rstrip(b"\n") + b"\n"
    yield b"g" + base.data[base.seal.offset + TEXT :].rstrip(b"\n") + b"\n"
    yield b"r" + _base(make_derived).parts.sections[RECIPES]
    for data in FILES.values():
        yield b"f" + len(data).to_bytes(3, "little") + stored(data)[:2000]
    yield b"h" + frames.small(header(base.parts.document["members"][0] | {"path": "only"}))
    yield b"w" + base.data[-8192:]


# The Kubefile, the reference, and what registries and charts send.


def kubefile(data: bytes) -> None:
    """Every fault has a place in the file, and what is understood is kept."""
    with refusals(ours=False):
        reading = parser.read(data, "Kubefile")
        lines = max(1, len(reading.kubefile.source.lines))
        for finding in reading.findings:
            assert 1 <= finding.problem.location.line <= lines
            assert finding.problem.location.column >= 1
            assert str(finding.problem)


def reference(data: bytes) -> None:
    """A name that is taken has one full form."""
    with refusals():
        made = Reference.parse(data.decode("utf-8", "replace"))
        assert Reference.parse(str(made)) == made
        assert ".." not in made.repository.split("/")


def manifest(data: bytes) -> None:
    """Manifests, artifacts and configs; what is taken keeps its bytes."""
    for media_type in ("", *oci.MANIFEST_TYPES):
        with refusals():
            assert oci.parse_manifest(data, media_type, "x").raw == data
    with refusals():
        assert oci.parse_artifact(data, "", "x").raw == data
    with refusals():
        oci.parse_config(data, "x")


def yaml(data: bytes) -> None:
    """Documents whose every value has a place; limits hold whatever the aliases say."""
    try:
        documents = yamldoc.load_all(data, "x.yaml")
    except Problems:
        return
    for document in documents:
        place = document.locate(["a", 0])
        assert place.line >= 1


_MANIFEST = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":'
    b'"application/vnd.oci.image.config.v1+json","digest":"sha256:%b","size":7},"layers":[{"mediaType":'
    b'"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%b","size":9}]}' % (b"a" * 64, b"b" * 64)
)
_INDEX = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":'
    b'"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%b","size":7,"platform":{"os":"linux",'
    b'"architecture":"amd64"}}]}' % (b"c" * 64)
)
_CONFIG = b'{"os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":["sha256:%b"]}}' % (
    b"d" * 64
)
_KUBEFILE = b"""# syntax
ARG A=1
FROM kubernetes-source AS x
ENV B="${A:-2}" C='$B'
COPY --chmod=0755 <<EOF /etc/x
text $B
EOF
ADD --checksum=sha256:0 https://example.org/x.tar.gz etc/
RUN echo 1 \\
  && true
IMAGE nginx:1.27
APP web local://web
APPCMDS web ["kubectl apply -f x"]
LAUNCH ["web"]
PACKAGE debian:bookworm jq
KUBEVERSION >=1.20 <1.30 || ~1.31
"""
_YAML = b"a: &a [1, 0x1f, 1:30, 2020-01-01, ~, yes]\nb: {<<: {c: *a}, d: |\n  text\n}\n---\n? x\n: !!str 5\n"

TARGETS: Final = MappingProxyType(
    {
        "run": Target(run, _run_seeds, 1 << 14),
        "kubefile": Target(kubefile, lambda: (_KUBEFILE, *_KUBEFILE.splitlines(keepends=True)), 1 << 12),
        "reference": Target(
            reference, lambda: (b"nginx", b"localhost:5000/a/b__c:1", b"[::1]:5/a@sha256:" + b"e" * 64), 600
        ),
        "manifest": Target(manifest, lambda: (_MANIFEST, _INDEX, _CONFIG), 1 << 12),
        "yaml": Target(yaml, lambda: (_YAML, *_YAML.splitlines(keepends=True)), 1 << 12),
    }
)
