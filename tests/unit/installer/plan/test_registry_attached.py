"""What is kept beside an image stands under its tags of the same repository of the site's registry."""

from types import SimpleNamespace
from typing import Any

import pytest

from bundler.core.digest import Digest
from bundler.core.index import Attached, Image
from bundler.core.index_rules import _image
from bundler.installer.plan.registry import links

IMAGE, LAYER, SIGNATURE, PAYLOAD = (Digest(letter * 64) for letter in "abcd")
TAG = f"sha256-{IMAGE.hex}.sig"


def signed(tag: Any = TAG, digest: Any = SIGNATURE) -> Any:
    beside = Attached(tag, digest, (SIGNATURE,), (PAYLOAD, LAYER))
    return Image("quay.io/acme/web:1", IMAGE, "m", 1, (IMAGE,), (LAYER,), (beside,))


def test_its_tags_and_blobs_are_linked_once() -> None:
    lines = links(signed())
    assert len(lines) == len(set(lines))
    base = lines[0].partition("/_layers")[0]
    assert {line.removeprefix(f"{base}/") for line in lines} == {
        f"_layers/sha256/{LAYER.hex} {LAYER.hex}",
        f"_layers/sha256/{PAYLOAD.hex} {PAYLOAD.hex}",
        f"_manifests/revisions/sha256/{IMAGE.hex} {IMAGE.hex}",
        f"_manifests/revisions/sha256/{SIGNATURE.hex} {SIGNATURE.hex}",
        f"_manifests/tags/1/current {IMAGE.hex}",
        f"_manifests/tags/1/index/sha256/{IMAGE.hex} {IMAGE.hex}",
        f"_manifests/tags/{TAG}/current {SIGNATURE.hex}",
        f"_manifests/tags/{TAG}/index/sha256/{SIGNATURE.hex} {SIGNATURE.hex}",
    }


@pytest.mark.parametrize(("tag", "digest"), [("../../evil", SIGNATURE), ("a b", SIGNATURE), (TAG, PAYLOAD)])
def test_a_tag_that_could_lead_elsewhere_is_refused(tag: Any, digest: Any) -> None:
    nothing_missing: Any = SimpleNamespace(
        member=lambda path: SimpleNamespace(digest=Digest(path.rpartition("/")[2]))
    )
    assert any("beside" in fault for fault in _image(signed(tag, digest), nothing_missing))
    assert not list(_image(signed(), nothing_missing))
