"""Signatures and the like: found by the referrers API, by the tag that stands in for it, by cosign's tags."""

import json
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.images.layout import lay_out
from bundler.builder.images.resolve import resolve_images
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent
from bundler.builder.oci.pinned import ImagePins
from bundler.builder.oci.referrers import pins_of
from bundler.core.digest import Digest
from bundler.core.errors import ExitCode, Problems
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Platform
from bundler.core.reference import Reference
from tests.kits.images import MadeImage, described, digest_of, index_of

SIGSTORE = "application/vnd.dev.sigstore.bundle.v0.3+json"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def artifact(data: Any, kind: Any, *, subject: Any = None) -> Any:
    """A manifest with one layer, and its blobs."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": described(b"{}", EMPTY),
        "layers": [described(data, kind)],
    }
    if subject is not None:
        document["subject"] = subject
    return json.dumps(document).encode(), (b"{}", data)


@pytest.fixture
def attach(registry: Any) -> Any:
    """Put an artifact into a repository, under its digest and under a tag."""

    def attach(repository: Any, made: Any, tag: str = "") -> Any:
        raw, blobs = made
        for wanted in filter(None, (digest_of(raw), tag)):
            registry.content[f"/v2/{repository}/manifests/{wanted}"] = (OCI_MANIFEST, raw)
        for blob in blobs:
            registry.content[f"/v2/{repository}/blobs/{digest_of(blob)}"] = ("application/octet-stream", blob)
        return digest_of(raw)

    return attach


@pytest.fixture
def pull(registry: Any, store: Any) -> Any:
    usual, none = store, ImagePins()

    def pull(
        *names: Any, signatures: bool = True, store: Any = usual, pinned: Any = none, **options: Any
    ) -> Any:
        (found,) = resolve_images(
            [ImageRequest(Reference.parse(name), signatures=signatures) for name in names],
            store=store,
            pinned=pinned,
            platform=Platform("linux", "amd64"),
            registries=RegistryOptions(frozenset({registry.host}), Keychain(), **options),
            progress=Silent(),
        )
        return found

    return pull


def listing(*entries: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}).encode()


def tags(image: Any) -> Any:
    return [one.tag for one in image.attached]


@pytest.mark.parametrize("api", [True, False])
def test_what_refers_to_the_image_comes_as_an_index_under_the_tag(
    registry: Any, store: Any, attach: Any, pull: Any, *, api: bool
) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    made = artifact(b"signed", SIGSTORE, subject=described(image.manifest, image.media_type))
    attach("team/app", made)
    entry = {**described(made[0], OCI_MANIFEST), "annotations": {"a": "b"}}
    place = f"referrers/{image.digest}" if api else f"manifests/{image.digest.replace(':', '-')}"
    registry.content[f"/v2/team/app/{place}"] = (OCI_INDEX, listing(entry))
    found = pull(name)
    (one,) = found.attached
    assert one.tag == image.digest.replace(":", "-")
    index = json.loads(store.path(one.root.digest).read_bytes())
    assert index["manifests"] == [{**described(made[0], OCI_MANIFEST), "artifactType": SIGSTORE}]
    assert [str(part.digest) for part in one.manifests] == [str(one.root.digest), digest_of(made[0])]
    assert {str(part.digest) for part in one.blobs} == {digest_of(b"{}"), digest_of(b"signed")}
    assert all(store.find(part.digest, part.size) for part in (*one.manifests, *one.blobs))


def test_cosigns_tags_are_found_and_again_offline(registry: Any, attach: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    base = image.digest.replace(":", "-")
    attach("team/app", artifact(b"sig", COSIGN), f"{base}.sig")
    attach("team/app", artifact(b"att", COSIGN), f"{base}.att")
    found = pull(name)
    assert tags(found) == [f"{base}.att", f"{base}.sig"]
    seen = len(registry.seen)
    assert pull(name, offline=True) == found
    assert len(registry.seen) == seen


@pytest.mark.parametrize("api", [True, False])
def test_pins_give_the_same_again_whatever_came_since(
    registry: Any, attach: Any, pull: Any, tmp_path: Path, *, api: bool
) -> None:
    """Another cache, and signatures that were added: what the pins say comes, by digest, and nothing else."""
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    base = image.digest.replace(":", "-")
    made = [
        artifact(data, SIGSTORE, subject=described(image.manifest, image.media_type)) for data in (b"a", b"b")
    ]
    place = f"/v2/team/app/{'referrers/' + image.digest if api else 'manifests/' + base}"
    for one in made:
        attach("team/app", one)
    registry.content[place] = (OCI_INDEX, listing(*[described(one[0], OCI_MANIFEST) for one in made]))
    attach("team/app", artifact(b"sig", COSIGN), f"{base}.sig")
    first = pull(name)
    pins = ImagePins(attached={name: pins_of(first)})
    assert len(pins_of(first)) == 3

    attach("team/app", artifact(b"another", COSIGN), f"{base}.sig")
    registry.content[place] = (OCI_INDEX, listing())
    with Store(tmp_path / "other") as other:
        del registry.seen[:]
        again = pull(name, store=other, pinned=pins)
        assert again == first
        assert not [path for path, _ in registry.seen if "referrers" in path or path.endswith((base, ".sig"))]
        del registry.seen[:]
        assert pull(name, store=other, pinned=pins, offline=True) == first
        assert registry.seen == []
    assert pull(name).attached != first.attached
    assert pull(name, pinned=ImagePins(attached={name: ()})).attached == ()


def test_a_pinned_signature_that_is_gone_is_told(registry: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    gone = Digest.of(b"gone")
    with pytest.raises(Problems) as caught:
        pull(name, pinned=ImagePins(attached={name: ((f"{image.digest.replace(':', '-')}.sig", gone),)}))
    assert caught.value.code is ExitCode.NOT_FOUND
    assert f"bundler update {name}" in str(caught.value)


def test_of_a_list_the_list_is_kept_because_it_was_signed(registry: Any, attach: Any, pull: Any) -> None:
    intel, arm = MadeImage(b"intel"), MadeImage(b"arm", platform="linux/arm64")
    registry.put("team/app:intel", intel)
    raw = index_of(intel, arm)
    name = registry.put_index("team/app:1", raw)
    attach("team/app", artifact(b"sig", COSIGN), f"{digest_of(raw).replace(':', '-')}.sig")
    found = pull(name)
    assert str(found.root.digest) == digest_of(raw)
    assert [str(part.digest) for part in found.manifests] == [digest_of(raw), intel.digest]
    assert tags(found) == [f"{digest_of(raw).replace(':', '-')}.sig"]


def test_only_on_request(registry: Any, attach: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    attach("team/app", artifact(b"sig", COSIGN), f"{image.digest.replace(':', '-')}.sig")
    assert pull(name, signatures=False).attached == ()
    assert not registry.asked("referrers")


def test_or_for_all(registry: Any, store: Any, attach: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    attach("team/app", artifact(b"sig", COSIGN), f"{image.digest.replace(':', '-')}.sig")
    options = RegistryOptions(frozenset({registry.host}), Keychain(), signatures=True)
    wanted = [ImageRequest(Reference.parse(name))]
    platform = Platform("linux", "amd64")
    (found,) = resolve_images(wanted, store=store, platform=platform, registries=options, progress=Silent())
    assert len(found.attached) == 1


def test_in_the_layout_they_stand_under_their_tags(registry: Any, store: Any, attach: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    tag = f"{image.digest.replace(':', '-')}.sig"
    digest = attach("team/app", artifact(b"sig", COSIGN), tag)
    layout = lay_out((pull(name),), store)
    (indexed,) = layout.images
    assert [(one.tag, str(one.digest)) for one in indexed.attached] == [(tag, digest)]
    paths = {file.path for file in layout.files}
    assert {f"images/blobs/sha256/{one.hex}" for one in indexed.digests} <= paths
    index = next(file for file in layout.files if file.path == "images/index.json")
    entries = json.loads(store.path(index.blob.digest).read_bytes())["manifests"]
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries] == [
        name,
        f"{registry.host}/team/app:{tag}",
    ]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"<html>", "not JSON"),
        (listing(*[described(str(n).encode(), OCI_MANIFEST) for n in range(201)]), "more than 200"),
        (listing(described(b"absent", OCI_MANIFEST)), "doesn't have"),
    ],
)
def test_a_listing_that_is_wrong_fails_the_image(registry: Any, pull: Any, raw: Any, says: str) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    registry.content[f"/v2/team/app/referrers/{image.digest}"] = (OCI_INDEX, raw)
    with pytest.raises(Problems) as caught:
        pull(name)
    assert says in str(caught.value)


def test_an_artifact_that_is_too_large_fails_the_image(registry: Any, attach: Any, pull: Any) -> None:
    image = MadeImage(b"one")
    name = registry.put("team/app:1", image)
    raw, blobs = artifact(b"sig", COSIGN)
    huge = raw.replace(b'"size": 3', b'"size": 300000000')
    assert huge != raw
    attach("team/app", (huge, blobs), f"{image.digest.replace(':', '-')}.sig")
    with pytest.raises(Problems) as caught:
        pull(name)
    assert "300000000 bytes" in str(caught.value)
