"""What writing to a registry asks, and what the answers mean."""

import json

import pytest

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.pushing import Repository, Request, Said, check_kept, own_words, refusal

HERE = Repository("https://harbor.example:8443", "team/app")
DIGEST = Digest.of(b"content")
BASE = "https://harbor.example:8443/v2/team/app"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/team/app/blobs/uploads/7", f"{BASE}/blobs/uploads/7?digest="),
        ("/v2/team/app/blobs/uploads/7?_state=a%3D", f"{BASE}/blobs/uploads/7?_state=a%3D&digest="),
        ("https://store.example/x?sig=1", "https://store.example/x?sig=1&digest="),
        ("7", f"{BASE}/blobs/uploads/7?digest="),
    ],
)
def test_content_goes_where_the_registry_says(location: str, url: str) -> None:
    request = HERE.content(Said(202, location), DIGEST, 7)
    assert request.url == url + str(DIGEST).replace(":", "%3A")
    assert (request.method, request.accepted) == ("PUT", frozenset({201}))
    assert request.headers["Content-Length"] == "7"
    assert HERE.is_own(request.url) == ("store.example" not in url)


@pytest.mark.parametrize("location", ["http://harbor.example:8443/v2/x", "ftp://harbor.example/x"])
def test_content_keeps_its_protocol(location: str) -> None:
    with pytest.raises(BundlerError, match="another protocol") as caught:
        HERE.content(Said(202, location), DIGEST, 7)
    assert caught.value.code is ExitCode.NETWORK


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://harbor.example:8443/v2/x", True),
        ("https://harbor.example/v2/x", False),
        ("http://harbor.example:8443/v2/x", False),
        ("https://harbor.example:8443.evil.example/x", False),
        ("https://harbor.example:8443@evil.example/x", False),
    ],
)
def test_logins_go_to_the_registry_alone(url: str, own: bool) -> None:  # noqa: FBT001  (a table)
    assert HERE.is_own(url) is own


def test_a_mount_that_became_an_upload_is_cancelled_at_the_registry_only() -> None:
    mount = HERE.mount(DIGEST, "library/base")
    assert mount.url == f"{BASE}/blobs/uploads/?mount=sha256%3A{DIGEST.hex}&from=library%2Fbase"
    cancel = HERE.cancel(Said(202, "/v2/team/app/blobs/uploads/7"))
    assert cancel is not None
    assert (cancel.method, cancel.url) == ("DELETE", f"{BASE}/blobs/uploads/7")
    assert HERE.cancel(Said(202, "https://store.example/7")) is None


def test_what_counts_of_an_answer() -> None:
    headers = {"location": "/x", "docker-content-digest": "sha256:1", "oci-subject": "sha256:2"}
    assert Said.of(201, headers) == Said(201, "/x", "sha256:1", "sha256:2")
    assert [Said(status).is_there for status in (200, 307, 404)] == [True, True, False]


def test_a_manifest_is_kept_as_it_was_sent() -> None:
    check_kept(b"{}", Said(201), "x")
    check_kept(b"{}", Said(201, digest=str(Digest.of(b"{}"))), "x")
    with pytest.raises(BundlerError) as caught:
        check_kept(b"{}", Said(201, digest=str(DIGEST)), "x")
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, ExitCode.TRUST), (403, ExitCode.TRUST), (404, ExitCode.NETWORK), (413, ExitCode.NETWORK)],
)
def test_refusals(status: int, code: ExitCode) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no\x1b[31m room"}]}).encode()
    error = refusal(Request("PUT", BASE, frozenset()), status, body, where="here", login="log in")
    assert error.code is code
    assert f"HTTP {status} from harbor.example, which says: DENIED: no[31m room" in str(error)
    assert ("log in" in str(error)) == (code is ExitCode.TRUST)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 3}', b'{"errors": [{}]}', b"\xff"])
def test_what_is_no_error_of_a_registry_says_nothing(body: bytes) -> None:
    assert own_words(body) == ""
