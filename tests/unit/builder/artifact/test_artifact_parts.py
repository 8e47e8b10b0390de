"""Where a .run is cut, what its manifest says, and what is refused of strangers' manifests and layouts."""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.artifact import layout
from bundler.builder.artifact.cut import LARGE, MOST, PartRange, cut
from bundler.builder.artifact.model import EMPTY_CONFIG, PART, RunArtifact
from bundler.builder.artifact.names import Names
from bundler.builder.artifact.runfile import assemble, packed
from bundler.builder.cache.store import Store
from bundler.core.archive.seal import ALIGN, LENGTH, REQUIRED, Seal, Section, aligned
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Member
from bundler.core.oci import MAX_MANIFEST, OCI_MANIFEST, Descriptor
from bundler.core.reference import Reference
from tests.kits.run_files import make_run

SOME = Digest.of(b"some")
LARGE_FILES = {"root/bin/large": os.urandom(300_000), "root/etc/small": b"small"}


def seal_of(archive: int) -> Seal:
    """A seal whose archive has this many bytes, and all other sections 1000."""
    sections: list[Section] = []
    for name in REQUIRED:
        offset = aligned(sections[-1].end) if sections else 0
        sections.append(Section(name, offset, archive if name == "archive" else 1000, SOME))
    return Seal("demo", "1.0.0", "linux/amd64", tuple(sections))


def members_of(lengths: list[int]) -> tuple[Member, ...]:
    """Frames of these lengths, with 50 bytes in front of each."""
    made: list[Member] = []
    for number, length in enumerate(lengths):
        offset = made[-1].offset + made[-1].length + 50 if made else 50
        made.append(Member(f"m{number}", length, SOME, 0o644, offset, length))
    return tuple(made)


@given(st.lists(st.integers(min_value=1, max_value=3 * LARGE), max_size=30))
def test_parts_follow_one_another_over_the_whole_file(lengths: list[int]) -> None:
    members = members_of(lengths)
    seal = seal_of(sum(lengths) + 50 * len(lengths) + 100)
    parts = cut(seal, members)
    assert parts[0].offset == 0
    assert all(one.offset + one.length == other.offset for one, other in pairwise(parts))
    assert parts[-1] == PartRange(seal.file_size - LENGTH, LENGTH)
    assert all(part.length > 0 for part in parts)
    start = seal.section("archive").offset
    large = {PartRange(start + m.offset, m.length) for m in members if m.length >= LARGE}
    assert large <= set(parts)


def test_sections_are_parts_with_the_zeros_behind_them() -> None:
    seal = seal_of(10)
    assert [part.offset for part in cut(seal, ())] == [ALIGN * n for n in range(len(REQUIRED) + 1)]


def test_a_bundle_of_very_many_large_files_still_fits_into_a_manifest() -> None:
    members = members_of([LARGE + number for number in range(3000)])
    seal = seal_of(members[-1].offset + members[-1].length + 100)
    parts = cut(seal, members)
    assert len(parts) <= 2 * MOST + len(REQUIRED) + 2
    largest = PartRange(seal.section("archive").offset + members[-1].offset, members[-1].length)
    assert largest in parts
    named = tuple(Descriptor(PART, Digest.of(str(p).encode()), p.length) for p in parts)
    assert len(RunArtifact.of(seal, SOME, named).raw) < MAX_MANIFEST / 10


def test_a_file_is_packed_and_put_together_again(tmp_path: Path) -> None:
    source, target = tmp_path / "demo.run", tmp_path / "back.run"
    make_run(source, files=LARGE_FILES)
    with packed(source) as (artifact, parts):
        assemble(artifact, parts, target, where="a test")
    assert target.read_bytes() == source.read_bytes()
    assert artifact == RunArtifact.parse(artifact.raw, OCI_MANIFEST, "a test")
    assert artifact.digest == Digest.of(source.read_bytes())


def test_a_signature_changes_the_last_part_only(tmp_path: Path) -> None:
    source = tmp_path / "demo.run"
    make_run(source, files=LARGE_FILES)
    with packed(source) as (before, _):
        pass
    from bundler.builder.signing.keygen import keygen  # noqa: PLC0415  (only this test signs)
    from bundler.builder.signing.sign import sign_file  # noqa: PLC0415  (as above)
    from bundler.builder.signing.signer import find_signer  # noqa: PLC0415  (as above)

    keygen(tmp_path / "key", b"", "test")
    sign_file(source, find_signer(str(tmp_path / "key"), None))
    with packed(source) as (after, _):
        assert after.parts[:-1] == before.parts[:-1]
        assert after.parts[-1] != before.parts[-1]


class Bytes:
    """Parts out of memory."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {Digest.of(content): content for content in contents}

    def chunks(self, part: Descriptor) -> Iterator[bytes]:
        yield self.contents[part.digest]


@pytest.mark.parametrize("content", [b"no .run at all", b"x" * 100_000, bytes(65536 + 8192)])
def test_what_is_no_run_is_never_written(tmp_path: Path, content: bytes) -> None:
    part = Descriptor(PART, Digest.of(content), len(content))
    artifact = RunArtifact(b"", "demo", "1", "linux/amd64", Digest.of(content), (part,))
    with pytest.raises(BundlerError) as caught:
        assemble(artifact, Bytes(content), tmp_path / "x.run", where="quay.io/a/b:1")
    assert caught.value.code is ExitCode.INTEGRITY
    assert str(caught.value).startswith("quay.io/a/b:1:")
    assert list(tmp_path.iterdir()) == []


def test_parts_in_another_order_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "demo.run", files=LARGE_FILES)
    with packed(tmp_path / "demo.run") as (artifact, parts):
        swapped = (*artifact.parts[1::-1], *artifact.parts[2:])
        wrong = RunArtifact(b"", "demo", "1", "linux/amd64", artifact.digest, swapped)
        with pytest.raises(BundlerError) as caught:
            assemble(wrong, parts, tmp_path / "x.run", where="a test")
    assert caught.value.code is ExitCode.INTEGRITY
    assert not (tmp_path / "x.run").exists()


def document(**changed: object) -> dict[str, object]:
    raw = RunArtifact.of(seal_of(10), SOME, (Descriptor(PART, SOME, 4),)).raw
    return {**json.loads(raw), **changed}


def notes(**changed: str) -> dict[str, object]:
    known = document()["annotations"]
    assert isinstance(known, dict)
    return {"annotations": known | {key.replace("_", "."): value for key, value in changed.items()}}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"artifactType": "application/vnd.other"}, ExitCode.UNSUPPORTED),
        ({"artifactType": None}, ExitCode.UNSUPPORTED),
        ({"annotations": {}}, ExitCode.INTEGRITY),
        ({"annotations": {"vnd.bundler.run.digest": 7}}, ExitCode.INTEGRITY),
        (notes(vnd_bundler_run_digest="sha256:00"), ExitCode.INTEGRITY),
        (notes(org_opencontainers_image_title="../../etc/cron.d/x"), ExitCode.INTEGRITY),
        (notes(org_opencontainers_image_title=".hidden"), ExitCode.INTEGRITY),
        (notes(org_opencontainers_image_version="1\x1b[31m"), ExitCode.INTEGRITY),
        ({"layers": [{"mediaType": PART, "digest": str(SOME), "size": -1}]}, ExitCode.INTEGRITY),
        ({"layers": [{"mediaType": PART, "digest": str(SOME), "size": 1 << 44}] * 2}, ExitCode.INTEGRITY),
        ({"layers": [{"mediaType": PART, "digest": "sha256:../x", "size": 1}]}, ExitCode.INTEGRITY),
    ],
)
def test_a_strangers_manifest_is_refused(changed: dict[str, object], code: ExitCode) -> None:
    with pytest.raises(BundlerError) as caught:
        RunArtifact.parse(json.dumps(document(**changed)).encode(), OCI_MANIFEST, "quay.io/a/b:1")
    assert caught.value.code is code
    assert "\x1b" not in str(caught.value)


def test_a_layout_is_the_same_every_time_and_never_overwrites(tmp_path: Path) -> None:
    make_run(tmp_path / "demo.run", files=LARGE_FILES)
    with packed(tmp_path / "demo.run") as (artifact, parts):
        for name in ("one.tar", "two.tar"):
            layout.save(artifact, parts, "1", tmp_path / name, lambda _: None)
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "file").write_text("mine")
        with pytest.raises(BundlerError) as caught:
            layout.save(artifact, parts, "1", tmp_path / "there")
    assert caught.value.code is ExitCode.USAGE
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_layout_that_fails_leaves_nothing(tmp_path: Path) -> None:
    make_run(tmp_path / "demo.run", files=LARGE_FILES)
    with packed(tmp_path / "demo.run") as (artifact, parts):
        with (tmp_path / "demo.run").open("r+b") as file:
            file.seek(-10, os.SEEK_END)
            file.write(b"x")
        for name in ("out", "out.tar"):
            with pytest.raises(BundlerError) as caught:
                layout.save(artifact, parts, "1", tmp_path / name)
            assert caught.value.code is ExitCode.INTEGRITY
    assert {path.name for path in tmp_path.iterdir()} == {"demo.run", "runtime.tar.gz"}


@pytest.mark.parametrize(
    ("index", "code"),
    [
        (b"{", ExitCode.INTEGRITY),
        (b'{"schemaVersion": 2, "manifests": []}', ExitCode.NOT_FOUND),
        (
            json.dumps(
                {"schemaVersion": 2, "manifests": [{**EMPTY_CONFIG.to_json(), "size": MAX_MANIFEST + 1}]}
            ).encode(),
            ExitCode.INTEGRITY,
        ),
        (
            json.dumps({"schemaVersion": 2, "manifests": [EMPTY_CONFIG.to_json()]}).encode(),
            ExitCode.NOT_FOUND,
        ),
    ],
)
def test_a_strangers_layout_is_refused(tmp_path: Path, index: bytes, code: ExitCode) -> None:
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout" / "index.json").write_bytes(index)
    with Store(tmp_path / "cache") as store, pytest.raises(BundlerError) as caught:
        layout.load(tmp_path / "layout", "", store)
    assert caught.value.code is code


def test_a_name_whose_parts_the_cache_lost_means_nothing(tmp_path: Path) -> None:
    make_run(tmp_path / "demo.run", files=LARGE_FILES)
    ref = Reference.parse("quay.io/acme/demo:1")
    with Store(tmp_path / "cache") as store, packed(tmp_path / "demo.run") as (artifact, parts):
        for part in artifact.blobs:
            store.add(parts.chunks(part), digest=part.digest, size=part.size, name="a test")
        Names(store).put(ref, artifact)
        assert Names(store).find(ref) == artifact
        store.discard(artifact.parts[0].digest)
        assert Names(store).find(ref) is None
        assert Names(store).all() == {str(ref): artifact.descriptor.digest}
