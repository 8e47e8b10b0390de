"""Archives and layouts of this machine, and the layout that the bundle carries."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cache.store import Blob
from bundler.builder.images.layout import lay_out
from bundler.builder.images.local import read_local
from bundler.builder.images.resolve import resolve_images
from bundler.builder.images.staged import take_images
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, LocalSource, Silent, Transport, parse_source
from bundler.builder.tree.tree import File, Tree
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.oci import OCI_LAYER, Platform
from bundler.core.reference import Reference
from tests.kits.charts import tree_of
from tests.kits.images import MadeImage, digest_of, docker_files, index_of, layout_files

AMD64 = Platform("linux", "amd64")
ONE, TWO = MadeImage(b"one", b"shared"), MadeImage(b"two", b"shared")


def tar_of(files: Any, links: Any = ()) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return out.getvalue()


@pytest.fixture
def local(tmp_path: Path, store: Any) -> Any:
    """Write an archive or layout of these files and read images from it."""

    def local(transport: Any, files: Any, wanted: str = "", links: Any = (), pack: Any = bytes) -> Any:
        path = tmp_path / "source"
        if transport == "oci":
            for name, data in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(data)
        else:
            path.write_bytes(pack(tar_of(files, links)))
        return read_local(LocalSource(Transport(transport), path, wanted), store, AMD64)

    return local


def names(images: Any) -> Any:
    return [image.name for image in images]


@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_a_layout_keeps_its_digests(local: Any, store: Any, transport: str) -> None:
    images = local(transport, layout_files({"quay.io/a/one:1": ONE, "two:2": TWO}))
    assert names(images) == ["quay.io/a/one:1", "docker.io/library/two:2"]
    assert str(images[0].root.digest) == ONE.digest
    for data in (ONE.manifest, ONE.config, *ONE.layers, *TWO.layers):
        assert store.size(Digest.of(data)) == len(data)


@pytest.mark.parametrize(
    ("entries", "wanted", "name"),
    [
        ({"quay.io/a/one:1": ONE, "two:2": TWO}, "two:2", "docker.io/library/two:2"),
        ({"quay.io/a/one:1": ONE, "two:2": TWO}, "docker.io/library/two:2", "docker.io/library/two:2"),
        ({"": ONE}, "quay.io/a/b:1", "quay.io/a/b:1"),
        ({"quay.io/a/one:1": ONE}, "quay.io/other/one:1", "quay.io/other/one:1"),
    ],
)
@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_a_name_chooses_an_image_or_names_the_only_one(
    local: Any, kind: str, entries: Any, wanted: str, name: str
) -> None:
    files = layout_files(entries) if kind == "oci-archive" else docker_files(entries)
    assert names(local(kind, files, wanted)) == [name]


def test_a_layout_that_knows_only_a_tag_needs_the_full_name(local: Any) -> None:
    files = layout_files({"1.27": ONE})
    assert names(local("oci-archive", files, "quay.io/a/b:1.27")) == ["quay.io/a/b:1.27"]
    with pytest.raises(BundlerError, match="can't take images"):
        local("oci-archive", files)


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
@pytest.mark.parametrize(
    ("entries", "wanted", "code"),
    [
        ({"a:1": ONE, "b:1": TWO}, "c:1", ExitCode.NOT_FOUND),
        ({"": ONE}, "", ExitCode.INPUT),
    ],
)
def test_an_image_without_a_usable_name_is_an_error(
    local: Any, kind: str, entries: Any, wanted: str, code: Any
) -> None:
    files = layout_files(entries) if kind == "oci-archive" else docker_files(entries)
    with pytest.raises(BundlerError) as caught:
        local(kind, files, wanted)
    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_docker_save_becomes_an_oci_image_with_plain_layers(local: Any, store: Any, pack: Any) -> None:
    images = local("docker-archive", docker_files({"one:1": ONE, "two:1": TWO}), pack=pack)
    assert names(images) == ["docker.io/library/one:1", "docker.io/library/two:1"]
    manifest = json.loads(b"".join(store.chunks(_blob(images[0].root), name="x")))
    assert manifest["config"]["digest"] == digest_of(ONE.config)
    assert [layer["digest"] for layer in manifest["layers"]] == [digest_of(tar) for tar in ONE.tars]
    assert {layer["mediaType"] for layer in manifest["layers"]} == {OCI_LAYER}
    assert images[0].blobs[2] == images[1].blobs[2]


def test_the_same_archive_gives_the_same_manifest(local: Any) -> None:
    files = docker_files({"one:1": ONE})
    assert local("docker-archive", files) == local("docker-archive", dict(reversed(files.items())))


def test_gzipped_layers_of_docker_stay_gzipped(local: Any) -> None:
    files = docker_files({"one:1": ONE})
    entry = json.loads(files["manifest.json"])
    for name, data in zip(entry[0]["Layers"], ONE.layers, strict=True):
        files[name] = data
    (image,) = local("docker-archive", files)
    assert [str(part.digest) for part in image.blobs[1:]] == [digest_of(layer) for layer in ONE.layers]
    assert {part.media_type for part in image.blobs[1:]} == {OCI_LAYER + "+gzip"}


def test_links_between_layers_are_followed_inside_the_archive_only(local: Any) -> None:
    twice = MadeImage(b"same", b"same")
    files = docker_files({"one:1": twice})
    entry = json.loads(files["manifest.json"])
    entry[0]["Layers"][1] = "second/layer.tar"
    files["manifest.json"] = json.dumps(entry).encode()
    (image,) = local("docker-archive", files, links=[("second/layer.tar", f"../{entry[0]['Layers'][0]}")])
    assert image.blobs[1] == image.blobs[2]
    for target in ("/etc/passwd", "../../../etc/passwd", "layer.tar"):
        with pytest.raises(BundlerError, match="missing"):
            local("docker-archive", files, links=[("second/layer.tar", target)])


def _flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_a_changed_layer_is_refused(local: Any) -> None:
    for kind, files in (
        ("docker-archive", docker_files({"one:1": ONE})),
        ("oci-archive", layout_files({"one:1": ONE})),
    ):
        name = next(n for n in files if n.endswith("/layer.tar") or files[n] == ONE.layers[0])
        with pytest.raises(BundlerError) as caught:
            local(kind, files | {name: _flip(files[name])})
        assert caught.value.code == ExitCode.INTEGRITY


def test_a_changed_manifest_or_another_platform_is_refused(local: Any) -> None:
    files = layout_files({"one:1": ONE})
    path = f"blobs/sha256/{ONE.digest[7:]}"
    with pytest.raises(BundlerError) as caught:
        local("oci-archive", files | {path: ONE.manifest + b" "})
    assert caught.value.code == ExitCode.INTEGRITY
    arm = MadeImage(b"arm", platform="linux/arm64")
    for kind, made in (("docker-archive", docker_files), ("oci-archive", layout_files)):
        with pytest.raises(BundlerError, match="no image for linux/amd64"):
            local(kind, made({"arm:1": arm}))


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("oci-archive", {}),
        ("docker-archive", {}),
        ("docker-archive", {"manifest.json": b"{"}),
        ("docker-archive", {"manifest.json": b'[{"Config": 1}]'}),
        ("docker-archive", {"manifest.json": b'[{"Config": "a", "Layers": [], "RepoTags": ["a:1"]}]'}),
        ("oci-archive", {"index.json": b"[]"}),
    ],
)
def test_a_broken_archive_is_a_clear_error(local: Any, kind: str, files: Any) -> None:
    with pytest.raises(BundlerError):
        local(kind, files)


@pytest.mark.parametrize("damage", [lambda data: data[:700], lambda _: b"no tar at all" * 100])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_damaged_tar_is_a_clear_error(local: Any, damage: Any, pack: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        local("docker-archive", docker_files({"one:1": ONE}), pack=lambda data: pack(damage(data)))
    assert caught.value.code in {ExitCode.INTEGRITY, ExitCode.NOT_FOUND}


def test_a_truncated_gzip_is_a_clear_error(local: Any) -> None:
    with pytest.raises(BundlerError, match="damaged"):
        local("docker-archive", docker_files({"one:1": ONE}), pack=lambda data: gzip.compress(data)[:-20])


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("nginx:1.27", Reference.parse("nginx:1.27")),
        ("docker://quay.io/a/b:1", Reference.parse("quay.io/a/b:1")),
        ("docker-archive:a/b.tar", (Transport.DOCKER_ARCHIVE, "a/b.tar", "")),
        ("oci-archive:b.tar:quay.io/a/b:1", (Transport.OCI_ARCHIVE, "b.tar", "quay.io/a/b:1")),
        ("oci:/abs/dir:x:1", (Transport.OCI, "/abs/dir", "x:1")),
    ],
)
def test_sources_are_written_as_for_skopeo(tmp_path: Path, text: str, source: Any) -> None:
    if isinstance(source, tuple):
        source = LocalSource(source[0], tmp_path / source[1], source[2])
    assert parse_source(text, tmp_path) == source


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("containers-storage:nginx:1", ExitCode.UNSUPPORTED),
        ("oci:", ExitCode.INPUT),
        ("Nginx", ExitCode.INPUT),
    ],
)
def test_other_sources_are_refused_by_name(tmp_path: Path, text: str, code: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        parse_source(text, tmp_path)
    assert caught.value.code == code


def test_what_lies_in_images_is_imported_and_leaves_the_tree(store: Any) -> None:
    files = {f"images/deep/{name}": data for name, data in layout_files({"quay.io/a/one:1": ONE}).items()}
    files |= {
        "images/two.tar": tar_of(docker_files({"two:1": TWO})),
        "images/three.tar.gz": gzip.compress(tar_of(layout_files({"three:1": TWO}))),
        "images/README": b"stays",
        "bin/tool.tar": b"stays",
    }
    images, tree = take_images(tree_of(store, files), store, AMD64)
    assert sorted(names(images)) == [
        "docker.io/library/three:1",
        "docker.io/library/two:1",
        "quay.io/a/one:1",
    ]
    assert sorted(tree.entries) == ["bin/tool.tar", "images/README"]


def test_a_layout_may_be_the_folder_itself(store: Any) -> None:
    files = {f"images/{name}": data for name, data in layout_files({"quay.io/a/one:1": ONE}).items()}
    images, tree = take_images(tree_of(store, files), store, AMD64)
    assert names(images) == ["quay.io/a/one:1"]
    assert tree == Tree()


def test_all_bad_archives_in_images_are_named(store: Any) -> None:
    tree = tree_of(store, {"images/a.tar": b"junk" * 300, "images/b.tar": tar_of({"x": b"1"})})
    with pytest.raises(Problems) as caught:
        take_images(tree, store, AMD64)
    assert [problem.location.file for problem in caught.value.problems] == ["images/a.tar", "images/b.tar"]


def resolved(store: Any, *requests: Any, supplied: Any = ()) -> Any:
    """Without a network: no registry is reachable at port 1."""
    return resolve_images(
        requests,
        store=store,
        platform=AMD64,
        registries=RegistryOptions(offline=True),
        progress=Silent(),
        supplied=supplied,
    )


def _blob(part: Any) -> Any:
    return Blob(part.digest, part.size)


def test_what_is_supplied_is_not_pulled(local: Any, store: Any) -> None:
    supplied = local("oci-archive", layout_files({"quay.io/a/one:1": ONE}))
    pinned = Reference.parse(f"quay.io/a/one@{ONE.digest}")
    images = resolved(
        store,
        ImageRequest(Reference.parse("quay.io/a/one:1"), ("web", "web")),
        ImageRequest(Reference.parse("quay.io/a/one:1"), ("job",)),
        ImageRequest(pinned, ("pinned",)),
        supplied=supplied,
    )
    assert [(image.name, image.why) for image in images] == [
        ("quay.io/a/one:1", ("web", "job")),
        (str(pinned), ("pinned",)),
    ]


def test_two_images_of_one_name_are_an_error(local: Any, store: Any) -> None:
    one = local("oci-archive", layout_files({"a:1": ONE}))
    two = local("oci-archive", layout_files({"a:1": TWO}))
    with pytest.raises(Problems, match="two different images"):
        resolved(store, supplied=(*one, *two))
    assert len(resolved(store, supplied=(*one, *one))) == 1


def test_every_local_source_that_fails_is_named(store: Any, tmp_path: Path) -> None:
    sources = [parse_source(f"oci-archive:{name}.tar", tmp_path) for name in ("a", "b")]
    with pytest.raises(Problems) as caught:
        resolved(store, *[ImageRequest(source, ("IMAGE",)) for source in sources])
    assert len(caught.value.problems) == 2
    assert caught.value.code == ExitCode.NOT_FOUND


def test_the_layout_holds_each_blob_once_and_says_what_compresses(local: Any, store: Any) -> None:
    images = (
        *local("oci-archive", layout_files({"quay.io/a/one:1": ONE})),
        *local("docker-archive", docker_files({"two:1": TWO})),
    )
    layout = lay_out(images, store)
    files = {file.path: file for file in layout.files}
    assert len(files) == len(layout.files)
    assert list(files) == sorted(files)
    assert files[f"images/blobs/sha256/{digest_of(ONE.layers[0])[7:]}"].compressed
    assert not files[f"images/blobs/sha256/{digest_of(TWO.tars[0])[7:]}"].compressed
    assert not files[f"images/blobs/sha256/{digest_of(ONE.config)[7:]}"].compressed
    listed = json.loads(b"".join(store.chunks(files["images/index.json"].blob, name="x")))["manifests"]
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in listed] == [
        "docker.io/library/two:1",
        "quay.io/a/one:1",
    ]
    assert [image.name for image in layout.images] == ["docker.io/library/two:1", "quay.io/a/one:1"]
    for image in layout.images:
        for digest in (*image.manifests, *image.blobs):
            assert f"images/blobs/sha256/{digest.hex}" in files
    assert lay_out(reversed(images), store) == layout


def test_docker_images_keep_their_digest_behind_a_small_index(registry: Any, pull: Any, store: Any) -> None:
    docker = MadeImage(b"x", docker=True)
    images = pull(registry.put("app:1", docker))
    layout = lay_out(images, store)
    assert str(layout.images[0].digest) == docker.digest
    assert layout.images[0].media_type == docker.media_type
    index = next(file for file in layout.files if file.path == "images/index.json")
    (entry,) = json.loads(b"".join(store.chunks(index.blob, name="x")))["manifests"]
    assert entry["mediaType"] == "application/vnd.oci.image.index.v1+json"
    wrapper = b"".join(store.chunks(Blob(Digest.parse(entry["digest"]), entry["size"]), name="x"))
    assert [one["digest"] for one in json.loads(wrapper)["manifests"]] == [docker.digest]


def test_a_pinned_docker_list_is_in_the_layout(registry: Any, pull: Any, store: Any) -> None:
    docker = MadeImage(b"x", docker=True)
    registry.put("app:x", docker)
    raw = index_of(docker, docker=True)
    registry.put_index("app:1", raw)
    layout = lay_out(pull(f"{registry.host}/app@{digest_of(raw)}"), store)
    assert layout.images[0].digest == Digest.of(raw)
    assert f"images/blobs/sha256/{digest_of(raw)[7:]}" in {file.path for file in layout.files}


def test_no_images_no_layout(store: Any) -> None:
    assert lay_out((), store).files == ()
    assert isinstance(next(iter(tree_of(store, {"a": "x"}).entries.values())), File)
