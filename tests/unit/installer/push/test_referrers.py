"""Signatures into registries that list referrers themselves.

No registry with the referrers API of the distribution specification 1.1 can be had from Debian or PyPI, so
there is a stand-in for one here, behind the same class that tests/real uses with docker-registry.
"""

import json

import pytest

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Attached
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST
from bundler.installer.push.http import Answer
from bundler.installer.push.referrers import Beside, is_there, put, stand_in
from bundler.installer.push.registry import RegistryClient

SUBJECT = Digest.of(b"the image")
TAG = f"sha256-{SUBJECT.hex}"


def artifact(payload: bytes, *, subject: bool = True) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/x-signature",
        "config": described(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [described(payload, "application/x")],
    }
    return json.dumps(
        document | ({"subject": described(b"the image", OCI_MANIFEST)} if subject else {})
    ).encode()


def described(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data)}


def index(*manifests: bytes) -> bytes:
    entries = [described(one, OCI_MANIFEST) for one in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


ONE, TWO = artifact(b"one"), artifact(b"two")
LIST = index(ONE, TWO)
BUNDLE = {Digest.of(data): data for data in (ONE, TWO, LIST)}
BESIDE = Beside("team/app", Attached(TAG, Digest.of(LIST), tuple(map(Digest.of, (LIST, ONE, TWO))), ()))


class Stub:
    """Sends nothing, and answers as a registry would. api: it keeps referrers itself."""

    def __init__(self, *, api: bool) -> None:
        self.api = api
        self.kept: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []

    def send(self, method: str, url: str, _headers: object, body: bytes = b"") -> Answer:
        wanted = url.rpartition("/")[2]
        self.asked.append((method, wanted))
        match method, url.split("/")[-2]:
            case "PUT", "manifests":
                return self._put(wanted, body)
            case _, "referrers" if not self.api:
                return Answer(404, {}, b"404 page not found")
            case _, "referrers":
                found = (
                    data for data in self.kept.values() if wanted in str(json.loads(data).get("subject"))
                )
                return Answer(200, {}, index(*dict.fromkeys(found)))
            case _, "manifests" if wanted in self.kept:
                data = self.kept[wanted]
                return Answer(200, {"docker-content-digest": str(Digest.of(data))}, data)
            case _:
                return Answer(404, {}, b"")

    def _put(self, wanted: str, body: bytes) -> Answer:
        subject = json.loads(body).get("subject")
        self.kept |= {wanted: body, str(Digest.of(body)): body}
        return Answer(201, {"oci-subject": subject["digest"]} if subject and self.api else {}, b"")


def registry(stub: Stub) -> RegistryClient:
    return RegistryClient("harbor.example", stub, None, plain=False)  # type: ignore[arg-type]  # a stand-in


@pytest.mark.parametrize("api", [True, False])
def test_it_is_there_once_it_was_put(api: bool) -> None:  # noqa: FBT001  (a table)
    stub = Stub(api=api)
    assert not is_there(BESIDE, registry(stub))
    put(BESIDE, registry(stub), BUNDLE.__getitem__)
    assert (TAG in stub.kept) is not api  # a registry that lists them itself needs no stand-in
    assert is_there(BESIDE, registry(stub))
    del stub.kept[str(Digest.of(TWO))]
    if api:
        assert not is_there(BESIDE, registry(stub))


def test_what_names_no_subject_is_listed_under_the_tag() -> None:
    loose = artifact(b"three", subject=False)
    listed = index(loose)
    one = Beside("team/app", Attached(TAG, Digest.of(listed), tuple(map(Digest.of, (listed, loose))), ()))
    stub = Stub(api=True)
    put(one, registry(stub), {Digest.of(data): data for data in (loose, listed)}.__getitem__)
    assert stub.kept[TAG] == listed
    assert is_there(one, registry(stub))


def test_cosigns_tags_are_only_tags() -> None:
    signature = artifact(b"sig", subject=False)
    one = Beside("team/app", Attached(f"{TAG}.sig", Digest.of(signature), (Digest.of(signature),), ()))
    stub = Stub(api=True)
    put(one, registry(stub), {Digest.of(signature): signature}.__getitem__)
    assert [asked for asked in stub.asked if asked[0] == "PUT"] == [("PUT", f"{TAG}.sig")]
    assert is_there(one, registry(stub))


@pytest.mark.parametrize("known", [None, b"", b"<html>", b"[]", ONE, b'{"schemaVersion": 2}'])
def test_what_is_no_index_is_replaced(known: bytes | None) -> None:
    assert stand_in(LIST, known) == LIST


def test_indexes_are_put_together() -> None:
    assert stand_in(LIST, LIST) is None
    assert stand_in(index(ONE), LIST) is None
    other = artifact(b"other")
    together = stand_in(LIST, index(other, ONE))
    assert together is not None
    assert [entry["digest"] for entry in json.loads(together)["manifests"]] == [
        str(Digest.of(data)) for data in (other, ONE, TWO)
    ]


def test_a_registry_that_takes_none_is_told() -> None:
    stub = Stub(api=False)
    stub._put = lambda *_: Answer(400, {}, b"")  # type: ignore[method-assign]
    with pytest.raises(BundlerError, match="kept beside") as caught:
        put(BESIDE, registry(stub), BUNDLE.__getitem__)
    assert caught.value.code is ExitCode.NETWORK
