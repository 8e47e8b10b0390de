"""Bundles in registries as bases: which parts are asked for, and registries that lie."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.builder.artifact.bases import RegistryBases, _covering
from bundler.builder.artifact.model import PART, RunArtifact, index_of
from bundler.builder.artifact.runfile import packed
from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Silent
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.core.archive.seal import Seal
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Descriptor, Platform
from bundler.core.reference import Reference
from tests.kits.images import StubRegistry
from tests.kits.run_files import make_run

AMD64 = Platform("linux", "amd64")
BLOB = "application/octet-stream"


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 100)), max_size=5),
)
def test_the_parts_that_hold_any_of_the_bytes(sizes: list[int], wanted: list[tuple[int, int]]) -> None:
    total = sum(sizes)
    stretches = [(start % total, min(length, total - start % total)) for start, length in wanted]
    parts = tuple(Descriptor(PART, Digest.of(bytes([n])), size) for n, size in enumerate(sizes))
    artifact = RunArtifact(b"", "x", "1", "linux/amd64", Digest.of(b""), parts)
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    expected = {
        start: part
        for start, part in zip(starts, parts, strict=True)
        if any(start < offset + length and offset < start + part.size for offset, length in stretches)
    }
    assert _covering(artifact, stretches) == expected


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    server = StubRegistry()
    yield server
    server.shutdown()
    server.server_close()


def offer(registry: StubRegistry, run: Path) -> RunArtifact:
    """The .run as acme/base:1."""
    with packed(run) as (artifact, parts):
        for part in artifact.blobs:
            registry.content[f"/v2/acme/base/blobs/{part.digest}"] = (BLOB, b"".join(parts.chunks(part)))
    announce(registry, artifact.raw)
    return artifact


def announce(registry: StubRegistry, raw: bytes, media_type: str = OCI_MANIFEST, tag: str = "1") -> None:
    for wanted in (tag, str(Digest.of(raw))):
        registry.content[f"/v2/acme/base/manifests/{wanted}"] = (media_type, raw)


def found(registry: StubRegistry, store: Store, platform: Platform = AMD64) -> tuple[str, Digest | None]:
    options = RegistryOptions(insecure=frozenset({registry.host}), keychain=Keychain())
    with RegistryBases(store, options, {}, Silent()) as bases:
        run = bases.find(Reference.parse(f"{registry.host}/acme/base:1"), platform)
        assert bases.find(Reference.parse(f"{registry.host}/acme/base:1"), platform) is run
        return run.index.name, run.manifest


def test_seal_and_index_are_all_that_is_asked_for(registry: StubRegistry, tmp_path: Path) -> None:
    make_run(tmp_path / "base.run")
    artifact = offer(registry, tmp_path / "base.run")
    with Store(tmp_path / "cache") as store:
        assert found(registry, store) == ("demo", artifact.descriptor.digest)
    asked = [path.rpartition("/")[2] for path, _ in registry.seen if "/blobs/" in path]
    assert len(asked) == 2
    assert asked[0] == str(artifact.parts[-1].digest)


def test_of_an_index_the_platforms_own(registry: StubRegistry, tmp_path: Path) -> None:
    made = {}
    for architecture in ("amd64", "arm64"):
        run = tmp_path / f"{architecture}.run"
        make_run(run, platform=f"linux/{architecture}")
        made[architecture] = offer(registry, run)
    announce(registry, index_of(made.values()), OCI_INDEX)
    with Store(tmp_path / "cache") as store:
        for architecture, artifact in made.items():
            _, manifest = found(registry, store, Platform("linux", architecture))
            assert manifest == artifact.descriptor.digest


@pytest.mark.parametrize("lie", ["no parts", "no seal", "a part less", "another order", "one short part"])
def test_manifests_that_lie_are_told(registry: StubRegistry, tmp_path: Path, lie: str) -> None:
    make_run(tmp_path / "base.run")
    document = json.loads(offer(registry, tmp_path / "base.run").raw)
    layers = document["layers"]
    document["layers"] = {
        "no parts": [],
        "no seal": layers[:-1],
        "a part less": layers[1:],
        "another order": [layers[-1], *layers[:-1]],
        "one short part": [layers[0]],
    }[lie]
    announce(registry, json.dumps(document).encode())
    with Store(tmp_path / "cache") as store, pytest.raises(BundlerError) as caught:
        found(registry, store)
    assert caught.value.code is ExitCode.INTEGRITY
    assert str(caught.value.where).startswith(registry.host)
    assert list((tmp_path / "cache/partial").iterdir()) == []


def test_an_index_that_the_seal_does_not_know_is_told(registry: StubRegistry, tmp_path: Path) -> None:
    make_run(tmp_path / "base.run")
    artifact = offer(registry, tmp_path / "base.run")
    seal = Seal.parse((tmp_path / "base.run").read_bytes()[-8192:-4096], file_size=artifact.size)
    document = json.loads(artifact.raw)
    starts = [sum(part.size for part in artifact.parts[:n]) for n in range(len(artifact.parts))]
    number = starts.index(seal.section("index").offset)
    other = registry.content[f"/v2/acme/base/blobs/{artifact.parts[number].digest}"][1].replace(
        b"demo", b"evil"
    )
    document["layers"][number]["digest"] = str(Digest.of(other))
    registry.content[f"/v2/acme/base/blobs/{Digest.of(other)}"] = (BLOB, other)
    announce(registry, json.dumps(document).encode())
    with Store(tmp_path / "cache") as store, pytest.raises(BundlerError) as caught:
        found(registry, store)
    assert caught.value.code is ExitCode.INTEGRITY
    assert "not what the seal says" in caught.value.why
