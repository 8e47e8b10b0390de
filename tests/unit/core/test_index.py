import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.archive.text import listing
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole, Image, Index, Member, OsPackage
from bundler.core.index_rules import faults

MANIFEST, LAYER = Digest.of(b"manifest"), Digest.of(b"layer")

FULL = Index(
    name="demo",
    version="1.0.0",
    platform="linux/amd64",
    kubernetes="v1.20.2",
    labels={"a": "b"},
    env={"X": "ü"},
    apps=(
        App("web", AppKind.HELM, AppRole.APP, "root/application/apps/web", env={"K": "V"}),
        App("cni", AppKind.COMMANDS, AppRole.CNI, "root/application/apps/cni", (("sh", "-c", "true"),)),
    ),
    launch=("web",),
    commands=(),
    images=(
        Image(
            "docker.io/library/web:1",
            MANIFEST,
            "application/vnd.oci.image.manifest.v1+json",
            8,
            (MANIFEST,),
            (LAYER,),
        ),
    ),
    packages=(OsPackage("debian:bookworm", "runc", "1.1.5", "amd64", "packages/runc.deb", requested=True),),
    members=(
        Member(f"images/blobs/sha256/{MANIFEST.hex}", 8, MANIFEST, 0o644, 100, 20),
        Member(f"images/blobs/sha256/{LAYER.hex}", 5, LAYER, 0o644, 200, 20),
        Member("packages/runc.deb", 0, Digest.of(b""), 0o644, 300, 14),
    ),
    kube_versions=(">=1.20",),
)


def test_an_index_comes_back() -> None:
    assert Index.from_json(FULL.to_json()) == FULL
    assert list(faults(FULL, archive_length=400)) == []


def test_an_apps_namespace_is_written_only_where_there_is_one() -> None:
    """So that bundles which name none stay what they were, byte for byte."""
    plain = json.loads(FULL.to_json())["apps"][0]
    assert not {"namespace", "privileged"} & plain.keys()
    app = replace(FULL.apps[0], namespace="shop", privileged=True)
    index = replace(FULL, apps=(app, FULL.apps[1]))
    assert Index.from_json(index.to_json()) == index
    wrong = replace(FULL, apps=(replace(app, namespace="a; reboot"), FULL.apps[1]))
    assert "no namespace" in "".join(faults(wrong, archive_length=400))


def test_what_an_app_may_do_is_listed() -> None:
    index = replace(FULL, apps=(replace(FULL.apps[0], namespace="shop", privileged=True),))
    assert "web  helm  root/application/apps/web  namespace shop  privileged" in listing(index)


def test_its_bytes_are_canonical_and_digests_are_text() -> None:
    data = FULL.to_json()
    document = json.loads(data)
    assert document["images"][0]["digest"] == str(MANIFEST)
    assert data == json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_a_member_is_found_by_its_path() -> None:
    assert FULL.member("packages/runc.deb") == FULL.members[2]
    assert FULL.member("packages") is None


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(1, 1 << 40)), max_size=20))
def test_any_index_comes_back(places: list[tuple[int, int]]) -> None:
    members = tuple(
        Member(f"file-{number}", size, LAYER, 0o755, offset, size)
        for number, (offset, size) in enumerate(places)
    )
    index = replace(FULL, images=(), packages=(), members=members)
    assert Index.from_json(index.to_json()) == index


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FULL.to_json())
    return loaded


HOSTILE: dict[str, Any] = {
    "members": [None, {}, [None], [[]], "x", [{"path": "x"}]],
    "name": [None, 1, [], "x" * (2 << 20)],
    "labels": [None, [], {"a": 1}, {"a": None}],
    "launch": [None, "web", [1], [["web"]]],
    "apps": [[{"name": "x"}], [[]], {"web": {}}],
    "format": [None, "1", 1.0, True, -1],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in HOSTILE.items() for value in values]
)
def test_a_wrong_type_is_refused(key: str, value: object) -> None:
    with pytest.raises(BundlerError) as caught:
        Index.from_json(json.dumps(document() | {key: value}).encode())
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize("number", [-1, 2**63, 10**400, 1.5, "1", None, True, [1]])
@pytest.mark.parametrize("key", ["size", "offset", "length", "mode"])
def test_a_wrong_number_is_refused(key: str, number: object) -> None:
    hostile = document()
    hostile["members"][0][key] = number
    with pytest.raises(BundlerError) as caught:
        Index.from_json(json.dumps(hostile).encode())
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize("digest", ["", "sha256:", "md5:" + "0" * 32, "sha256:" + "A" * 64, 5, None])
def test_a_wrong_digest_is_refused(digest: object) -> None:
    hostile = document()
    hostile["images"][0]["blobs"] = [digest]
    with pytest.raises(BundlerError) as caught:
        Index.from_json(json.dumps(hostile).encode())
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"NaN",
        b'{"name":1,"name":2}',
        b"1" * 100_000,
        b"null",
        b'"\\ud800"',
    ],
)
def test_what_is_no_json_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(BundlerError) as caught:
        Index.from_json(data)
    assert caught.value.code is ExitCode.INTEGRITY


VALUES = st.recursive(st.none() | st.text() | st.integers(), st.lists).map(
    lambda value: json.dumps(value).encode()
)


@given(st.binary(max_size=200) | VALUES)
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(BundlerError):
        Index.from_json(data)


def test_missing_and_unknown_keys_are_named() -> None:
    hostile = document()
    del hostile["env"]
    hostile["surprise"] = 1
    with pytest.raises(BundlerError, match="not valid") as caught:
        Index.from_json(json.dumps(hostile).encode())
    assert "env" in caught.value.why
    assert "surprise" in caught.value.why


def test_a_newer_format_is_told_so() -> None:
    with pytest.raises(BundlerError, match="format 2") as caught:
        Index.from_json(json.dumps(document() | {"format": 2, "surprise": 1}).encode())
    assert caught.value.code is ExitCode.UNSUPPORTED


def member(path: str, offset: int = 0, length: int = 10, mode: int = 0o644) -> Member:
    return Member(path, 1, LAYER, mode, offset, length)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "a b"}, "name"),
        ({"version": "1\n2"}, "version"),
        ({"platform": "linux"}, "platform"),
        ({"launch": ("nothing",)}, "no app"),
        ({"apps": (FULL.apps[0], FULL.apps[0])}, "twice"),
        ({"apps": (replace(FULL.apps[0], path="../x"),)}, "not a path"),
        ({"apps": (replace(FULL.apps[0], commands=((),)),)}, "empty command"),
        ({"images": (FULL.images[0], FULL.images[0])}, "twice"),
        ({"images": (replace(FULL.images[0], blobs=(Digest.of(b"lost"),)),)}, "no member"),
        ({"images": (replace(FULL.images[0], digest=LAYER),)}, "not among"),
        ({"packages": (replace(FULL.packages[0], path="packages/lost.deb"),)}, "no member"),
    ],
)
def test_parts_that_do_not_fit_are_found(changes: dict[str, Any], word: str) -> None:
    assert any(word in fault for fault in faults(replace(FULL, **changes), archive_length=400))


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ((member("../x"),), "not a path"),
        ((member("/x"),), "not a path"),
        ((member("a"), member("a/b", 20)), "a folder"),
        ((member("a/b/c"), member("a", 20)), "a folder"),
        ((member("a"), member("a", 20)), "twice"),
        ((member("a"), member("b", 9)), "overlap"),
        ((member("a", 50), member("b", 0)), "overlap"),
        ((member("a", 95),), "outside"),
        ((member("a", 1 << 61, 1 << 61),), "outside"),
        ((member("a", 0, 0),), "outside"),
        ((member("a", mode=0o4755),), "mode"),
    ],
)
def test_members_that_lie_are_found(members: tuple[Member, ...], word: str) -> None:
    index = replace(FULL, images=(), packages=(), members=members)
    assert any(word in fault for fault in faults(index, archive_length=100))
