"""core.oci: manifests of strangers are read strictly, and the right platform is chosen."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import ImageConfig, Manifest, ManifestIndex, Platform, parse_config, parse_manifest

A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64
AMD64 = Platform("linux", "amd64")
CONFIG = {"mediaType": oci.OCI_CONFIG, "digest": A, "size": 7}
LAYER = {"mediaType": oci.OCI_LAYER + "+gzip", "digest": B, "size": 9}


def manifest(**changes: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": oci.OCI_MANIFEST,
        "config": CONFIG,
        "layers": [LAYER],
    } | changes
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def index(*platforms: Any, media_type: Any = oci.OCI_INDEX) -> bytes:
    entries = [
        {"mediaType": oci.OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 5}
        | ({"platform": platform} if platform else {})
        for number, platform in enumerate(platforms)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()


def linux(architecture: Any, variant: Any = None) -> Any:
    return {"os": "linux", "architecture": architecture} | ({"variant": variant} if variant else {})


def test_a_manifest_keeps_its_bytes_and_knows_its_digest() -> None:
    raw = manifest()
    parsed = parse_manifest(raw, oci.OCI_MANIFEST, "x")
    assert isinstance(parsed, Manifest)
    assert parsed.raw == raw
    assert parsed.descriptor == oci.Descriptor(oci.OCI_MANIFEST, Digest.of(raw), len(raw))
    assert parsed.config.digest == Digest("a" * 64)
    assert [layer.size for layer in parsed.layers] == [9]


@pytest.mark.parametrize(
    "told", [oci.OCI_MANIFEST, oci.OCI_MANIFEST + "; charset=utf-8", "", "application/json"]
)
@pytest.mark.parametrize("own", [oci.OCI_MANIFEST, None])
def test_the_type_comes_from_the_server_or_the_document(told: Any, own: Any) -> None:
    assert parse_manifest(manifest(mediaType=own), told, "x").media_type == oci.OCI_MANIFEST


def test_docker_images_are_read_too() -> None:
    config = CONFIG | {"mediaType": oci.DOCKER_CONFIG}
    layer = LAYER | {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"}
    raw = manifest(mediaType=oci.DOCKER_MANIFEST, config=config, layers=[layer])
    assert parse_manifest(raw, oci.DOCKER_MANIFEST, "x").media_type == oci.DOCKER_MANIFEST


@pytest.mark.parametrize(
    ("raw", "told", "code", "says"),
    [
        (b"{", "", ExitCode.INTEGRITY, "not JSON"),
        (b"[" * 100_000, "", ExitCode.INTEGRITY, "not JSON"),
        (b"\xff", "", ExitCode.INTEGRITY, "not JSON"),
        (b"[]", "", ExitCode.INTEGRITY, "no JSON object"),
        (b"{}", "", ExitCode.INTEGRITY, "schemaVersion"),
        (b'{"schemaVersion":2,"schemaVersion":2}', "", ExitCode.INTEGRITY, "twice"),
        (b'{"schemaVersion":1}', "", ExitCode.UNSUPPORTED, "schema 1"),
        (
            manifest(),
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            ExitCode.UNSUPPORTED,
            "schema 1",
        ),
        (manifest(mediaType="text/html"), "text/html", ExitCode.UNSUPPORTED, "text/html"),
        (manifest(), oci.DOCKER_MANIFEST, ExitCode.INTEGRITY, "announced as"),
        (manifest(manifests=[]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "but has manifests"),
        (index()[:-1] + b',"layers":[]}', oci.OCI_INDEX, ExitCode.INTEGRITY, "but has layers"),
        (manifest(config=None), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "descriptor"),
        (manifest(layers=None), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "layers"),
        (manifest(layers=[LAYER] * 4097), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "4097"),
        (manifest(layers=[LAYER | {"size": -1}]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "size is -1"),
        (manifest(layers=[LAYER | {"size": 2**63}]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "size is"),
        (manifest(layers=[LAYER | {"size": True}]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "size is"),
        (manifest(layers=[LAYER | {"size": "9"}]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "size is"),
        (
            manifest(layers=[LAYER | {"digest": "sha256:../x"}]),
            oci.OCI_MANIFEST,
            ExitCode.INTEGRITY,
            "digest",
        ),
        (manifest(layers=[LAYER | {"digest": None}]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "digest"),
        (manifest(layers=[LAYER | {"mediaType": 3}]), oci.OCI_MANIFEST, ExitCode.INTEGRITY, "mediaType"),
        (
            manifest(layers=[LAYER | {"annotations": [1]}]),
            oci.OCI_MANIFEST,
            ExitCode.INTEGRITY,
            "annotations",
        ),
        (index({"os": 1}), oci.OCI_INDEX, ExitCode.INTEGRITY, "platform"),
        (
            manifest(
                layers=[LAYER | {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}]
            ),
            oci.OCI_MANIFEST,
            ExitCode.UNSUPPORTED,
            "may not be passed on",
        ),
        (
            manifest(config=CONFIG | {"mediaType": "application/vnd.cncf.helm.config.v1+json"}),
            oci.OCI_MANIFEST,
            ExitCode.UNSUPPORTED,
            "APP NAME oci://quay.io/a/b:1",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_name(raw: Any, told: Any, code: Any, says: str) -> None:
    with pytest.raises(BundlerError) as caught:
        parse_manifest(raw, told, "quay.io/a/b:1")
    assert caught.value.code == code
    assert says in str(caught.value)
    assert "quay.io/a/b:1" in str(caught.value)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "schemaVersion",
                        "mediaType",
                        "config",
                        "layers",
                        "manifests",
                        "digest",
                        "size",
                        "platform",
                        "os",
                    ]
                ),
                inner | st.just(2) | st.sampled_from([oci.OCI_MANIFEST, oci.OCI_INDEX, A]),
                max_size=6,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_hostile_bytes_never_give_a_traceback(raw: Any) -> None:
    for read in (lambda: parse_manifest(raw, "", "x"), lambda: parse_config(raw, "x")):
        try:
            result = read()
        except BundlerError:
            continue
        assert isinstance(result, Manifest | ManifestIndex | ImageConfig)


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", [linux("arm64"), linux("amd64")], 1),
        ("linux/arm64", [linux("arm64", "v8"), linux("amd64")], 0),
        ("linux/aarch64", [linux("amd64"), linux("arm64")], 1),
        ("linux/arm/v7", [linux("arm", "v6"), linux("arm", "v7")], 1),
        ("linux/arm", [linux("arm", "v6"), linux("arm", "v7")], 1),
        ("linux/arm64", [linux("amd64")], None),
        ("linux/amd64", [{"os": "windows", "architecture": "amd64"}], None),
        ("linux/amd64", [None, {"os": "unknown", "architecture": "unknown"}], None),
        ("linux/amd64", [linux("amd64", "v3"), linux("amd64")], 1),
        ("linux/amd64", [linux("x86_64")], 0),
    ],
)
def test_the_one_manifest_of_the_platform_is_chosen(wanted: str, offered: Any, chosen: int | None) -> None:
    parsed = parse_manifest(index(*offered), oci.OCI_INDEX, "x")
    assert isinstance(parsed, oci.ManifestIndex)
    found = parsed.choose(Platform.parse(wanted))
    assert (found and found.digest) == (None if chosen is None else Digest(f"{chosen:064x}"))


def test_attestations_are_no_platform_to_choose() -> None:
    parsed = parse_manifest(
        index(linux("arm64"), {"os": "unknown", "architecture": "unknown"}), oci.OCI_INDEX, "x"
    )
    assert isinstance(parsed, oci.ManifestIndex)
    assert [str(platform) for platform in parsed.platforms] == ["linux/arm64"]


@pytest.mark.parametrize("text", ["amd64", "linux/", "linux/a/b/c", "Linux/amd64", ""])
def test_a_wrong_platform_is_refused(text: str) -> None:
    with pytest.raises(BundlerError, match="not a platform"):
        Platform.parse(text)


def test_a_config_tells_architecture_and_layers() -> None:
    raw = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [A]}}
    ).encode()
    assert parse_config(raw, "x") == ImageConfig(AMD64, (Digest("a" * 64),))
    with pytest.raises(BundlerError, match="diff_ids"):
        parse_config(b'{"os":"linux","architecture":"amd64"}', "x")
