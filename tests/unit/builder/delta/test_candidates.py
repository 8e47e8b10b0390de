from typing import Any

from bundler.builder.cache.partial import Blob
from bundler.builder.delta.candidates import rivals, same
from bundler.builder.model.spec import BundleSpec, Identity, SpecContent
from bundler.core.digest import Digest
from bundler.core.index import Image, Member
from tests.kits.archive.bundles import meta

LARGE = 1 << 20


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def blob(name: str) -> str:
    return f"images/blobs/sha256/{digest(name).hex}"


def image(name: str, *layers: str) -> Image:
    manifest = digest(f"manifest of {name}")
    return Image(name, manifest, "application/x", 1, (manifest,), tuple(digest(each) for each in layers))


def spec(files: dict[str, tuple[str, int]], *images: Image) -> BundleSpec:
    """A bundle with files (path → what it holds, bytes)."""
    contents = tuple(SpecContent(path, Blob(digest(what), size)) for path, (what, size) in files.items())
    return BundleSpec(Identity("a", "2", ""), "linux/amd64", {}, {}, (), (), (), (), images, (), contents)


def old(files: dict[str, tuple[str, int]], *images: Image) -> Any:  # an Index
    members = tuple(
        Member(path, size, digest(what), 0o644, number, 1)
        for number, (path, (what, size)) in enumerate(files.items())
    )
    return meta(members=members, images=images)


def test_equal_contents_are_found_wherever_they_are() -> None:
    new = spec({"root/a": ("A", LARGE), "root/b": ("B", LARGE), "root/c": ("C", 10)})
    before = old({"root/z": ("A", LARGE), "root/b": ("other", LARGE), "root/c": ("C", 10)})
    assert {path: member.path for path, member in same(new, before, 100).items()} == {"root/a": "root/z"}


def test_a_file_is_held_against_the_one_at_its_path() -> None:
    new = spec({"root/a": ("A2", LARGE), "root/new": ("N", LARGE), "root/small": ("S2", 10)})
    before = old({"root/a": ("A1", LARGE), "root/small": ("S1", 10), "root/other": ("O", LARGE)})
    assert {path: [each.path for each in found] for path, found in rivals(new, before).items()} == {
        "root/a": ["root/a"]
    }


def test_what_the_older_one_has_needs_no_patch() -> None:
    assert rivals(spec({"root/a": ("A", LARGE)}), old({"root/a": ("B", LARGE), "root/b": ("A", LARGE)})) == {}


def test_a_layer_is_held_against_what_is_gone_of_its_repository() -> None:
    layers = {blob(name): (name, LARGE) for name in ("base", "app2")}
    before = {blob(name): (name, LARGE) for name in ("base", "app1", "other1")}
    found = rivals(
        spec(layers, image("quay.io/a/app:2", "base", "app2")),
        old(before, image("quay.io/a/app:1", "base", "app1"), image("quay.io/a/other:1", "other1")),
    )
    assert {path: [each.path for each in members] for path, members in found.items()} == {
        blob("app2"): [blob("app1")]
    }


def test_a_new_repository_is_held_against_all_that_is_gone() -> None:
    found = rivals(
        spec({blob("app2"): ("app2", LARGE)}, image("quay.io/renamed/app:2", "app2")),
        old(
            {blob("app1"): ("app1", LARGE), blob("tiny"): ("tiny", 10)},
            image("quay.io/a/app:1", "app1", "tiny"),
        ),
    )
    assert [each.path for each in found[blob("app2")]] == [blob("app1")]
