"""Several platforms' specs become one: what is shared, what lies apart, what image indexes are made."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.builder.build.universal import check_alike, having, join
from bundler.builder.cache.store import Store
from bundler.builder.images.combine import combined
from bundler.builder.model.spec import BundleSpec, Identity, SpecContent
from bundler.core.archive.platforms import IMAGES
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Image
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Platform, parse_manifest
from tests.kits.images import MadeImage, index_of

AMD, ARM, OLD = "linux/amd64", "linux/arm64", "linux/arm/v7"
WEB = {platform: MadeImage(b"web", platform.encode(), platform=platform) for platform in (AMD, ARM, OLD)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as opened:
        yield opened


def put(store: Store, data: bytes) -> Digest:
    return store.add((data,), digest=None, size=None, name="test").digest


def spec(platform: str, store: Store, files: Mapping[str, bytes], *images: Image) -> BundleSpec:
    contents = [
        SpecContent(path, store.add((data,), digest=None, size=None, name=path))
        for path, data in sorted(files.items())
    ]
    return BundleSpec(
        identity=Identity("shop", "2.1", ""),
        platform=platform,
        labels={},
        env={},
        apps=(),
        launch=(),
        commands=(),
        kube_versions=(),
        images=images,
        packages=(),
        contents=tuple(contents),
    )


def with_image(platform: str, store: Store, *, listed: bytes = b"") -> BundleSpec:
    """A spec with one image, of which `listed` is what its name means."""
    made = WEB[platform]
    own = Digest.of(made.manifest)
    root = Digest.of(listed) if listed else own
    blobs = tuple(Digest.of(data) for data in (made.config, *made.layers))
    kind = OCI_INDEX if listed else OCI_MANIFEST
    image = Image("quay.io/a/web:1", root, kind, 1, tuple(dict.fromkeys((root, own))), blobs)
    held = (made.manifest, made.config, *made.layers, *((listed,) if listed else ()))
    files = {f"images/blobs/sha256/{Digest.of(data).hex}": data for data in held}
    return spec(platform, store, files, image)


def read(store: Store, content: SpecContent) -> bytes:
    return b"".join(store.chunks(content.blob, name=content.path))


def test_an_index_is_made_where_platforms_have_other_images(store: Store) -> None:
    made, listing = combined([with_image(platform, store) for platform in WEB], store)
    index = parse_manifest(read(store, made), OCI_INDEX, "made")
    for platform, image in WEB.items():
        chosen = index.choose(Platform.parse(platform))  # type: ignore[union-attr]  # it is an index
        assert chosen is not None
        assert (str(chosen.digest), chosen.size) == (image.digest, len(image.manifest))
    assert listing.path == IMAGES
    (entry,) = json.loads(read(store, listing))["manifests"]
    assert made.path == f"images/blobs/sha256/{entry['digest'].removeprefix('sha256:')}"
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "quay.io/a/web:1"}


def test_none_is_made_where_one_platform_alone_has_the_name(store: Store) -> None:
    assert combined([with_image(AMD, store), spec(ARM, store, {})], store) == ()


def test_of_a_list_the_platforms_own_image_is_listed(store: Store) -> None:
    listed = index_of(*WEB.values())
    made, _ = combined([with_image(AMD, store, listed=listed), with_image(ARM, store)], store)
    digests = [entry["digest"] for entry in json.loads(read(store, made))["manifests"]]
    assert digests == [WEB[AMD].digest, WEB[ARM].digest]


def test_what_is_equal_is_written_once(store: Store) -> None:
    first = spec(AMD, store, {"a": b"same", "b": b"amd"})
    second = spec(ARM, store, {"a": b"same", "b": b"arm", "c": b"more"})
    third = spec(OLD, store, {"a": b"other", "c": b"more"})
    joined = join([first, second, third])
    assert [content.path for content in joined.contents] == [
        "a", "b", "platforms/linux-arm64/b", "c", "platforms/linux-arm-v7/a",
    ]  # fmt: skip
    assert joined.names[1] == {"a": "a", "b": "platforms/linux-arm64/b", "c": "c"}
    assert joined.names[2] == {"a": "platforms/linux-arm-v7/a", "c": "c"}
    assert joined.whole.size == sum(len(word) for word in ("same", "amd", "arm", "more", "other"))


def test_another_mode_is_another_file(store: Store) -> None:
    first = spec(AMD, store, {"a": b"same"})
    second = replace(first, platform=ARM, contents=(replace(first.contents[0], mode=0o755),))
    assert [each.path for each in join([first, second]).contents] == ["a", "platforms/linux-arm64/a"]


def test_the_whole_is_told_as_one_bundle(store: Store) -> None:
    whole = join([with_image(AMD, store), with_image(ARM, store)]).whole
    assert whole.platform == "linux/amd64, linux/arm64"
    (image,) = whole.images
    assert len(image.manifests) == 2
    assert len(image.blobs) == 5, "two configs, a layer of both, a layer of each"


def test_contents_stay_in_order(store: Store) -> None:
    more = spec(AMD, store, {"m": b"", "a": b""}).contents
    assert [each.path for each in having(spec(AMD, store, {"b": b"", "z": b""}), more).contents] == list(
        "abmz"
    )


def test_two_products_are_not_one_file(store: Store) -> None:
    first = spec(AMD, store, {})
    check_alike([first, replace(first, platform=ARM, identity=Identity("shop", "2.1", "v1.20.2"))])
    with pytest.raises(BundlerError, match=r"shop 2.1 and shop 2.2") as caught:
        check_alike([first, replace(first, platform=ARM, identity=Identity("shop", "2.2", ""))])
    assert caught.value.code is ExitCode.INPUT
