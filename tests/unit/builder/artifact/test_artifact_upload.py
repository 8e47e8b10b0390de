"""Pushing against registries that are slow, odd or hostile."""

import json
from collections.abc import Callable

import httpx2
import pytest

from bundler.builder.artifact.upload import Uploader
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference

REF = Reference.parse("registry.example/acme/demo:1")
DATA = b"content of a part"
DIGEST = Digest.of(DATA)
Answer = Callable[[httpx2.Request], httpx2.Response]


def uploader(answer: Answer, *, insecure: bool = False) -> Uploader:
    hosts = frozenset({REF.registry}) if insecure else frozenset()
    options = RegistryOptions(insecure=hosts, keychain=Keychain())
    return Uploader(REF, options, httpx2.Client(transport=httpx2.MockTransport(answer)))


def refusal(status: int, document: object = None, challenge: str = "") -> httpx2.Response:
    """An answer whose body is still to be read, as it is on a real connection."""
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(json.dumps(document).encode()))


def begun(location: str = "/v2/acme/demo/blobs/uploads/7?state=x") -> httpx2.Response:
    return httpx2.Response(202, headers={"Location": location})


def test_a_blob_goes_where_the_registry_says_with_its_digest() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        request.read()
        return begun() if request.method == "POST" else httpx2.Response(201)

    uploader(answer).upload(DIGEST, len(DATA), lambda: [DATA[:5], DATA[5:]])
    assert [request.method for request in seen] == ["POST", "PUT"]
    place = seen[1].url
    assert (place.scheme, place.host, place.path) == ("https", REF.registry, "/v2/acme/demo/blobs/uploads/7")
    assert dict(place.params) == {"state": "x", "digest": str(DIGEST)}
    assert seen[1].content == DATA
    assert seen[1].headers["Content-Length"] == str(len(DATA))
    assert "Transfer-Encoding" not in seen[1].headers


def test_an_upload_that_was_cut_is_begun_again_with_all_its_content() -> None:
    bodies: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return begun()
        bodies.append(request.read())
        if len(bodies) == 1:
            raise httpx2.WriteError("connection lost")
        return httpx2.Response(503 if len(bodies) == 2 else 201)

    uploader(answer).upload(DIGEST, len(DATA), lambda: [DATA])
    assert bodies == [DATA] * 3


def test_a_registry_that_stays_busy_is_given_up() -> None:
    count = 0

    def answer(_: httpx2.Request) -> httpx2.Response:
        nonlocal count
        count += 1
        return httpx2.Response(503, headers={"Retry-After": "0"})

    with pytest.raises(BundlerError) as caught:
        uploader(answer).has_blob(DIGEST)
    assert caught.value.code is ExitCode.NETWORK
    assert 1 < count < 20


def test_content_never_goes_from_https_to_http() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.method == "POST"
        return begun("http://registry.example/v2/acme/demo/blobs/uploads/7")

    with pytest.raises(BundlerError) as caught:
        uploader(answer).upload(DIGEST, len(DATA), lambda: [DATA])
    assert caught.value.code is ExitCode.NETWORK


def test_a_login_stays_with_the_registry() -> None:
    """Content may go elsewhere, and a challenge from there is answered with nothing."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.url.host == "elsewhere.example":
            return refusal(401, challenge='Bearer realm="https://evil.example/t"')
        if request.url.path == "/token":
            return httpx2.Response(200, json={"token": "a-token"})
        if "Authorization" not in request.headers:
            realm = 'Bearer realm="https://registry.example/token",scope="repository:acme/demo:pull,push"'
            return httpx2.Response(401, headers={"WWW-Authenticate": realm})
        return begun("https://elsewhere.example/upload")

    with pytest.raises(BundlerError) as caught:
        uploader(answer).upload(DIGEST, len(DATA), lambda: [DATA])
    assert caught.value.code is ExitCode.TRUST
    away = [request for request in seen if request.url.host != REF.registry]
    assert [request.url.host for request in away] == ["elsewhere.example"]
    assert "Authorization" not in away[0].headers


def test_a_registry_that_keeps_asking_for_a_login_is_given_up() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/token":
            return httpx2.Response(200, json={"token": "a-token"})
        return httpx2.Response(
            401, headers={"WWW-Authenticate": 'Bearer realm="https://registry.example/token"'}
        )

    with pytest.raises(BundlerError) as caught:
        uploader(answer).has_blob(DIGEST)
    assert caught.value.code is ExitCode.TRUST


def test_what_a_registry_says_of_itself_is_told_as_text() -> None:
    said = {"errors": [{"code": "DENIED", "message": "quota\x1b[31m used up"}]}
    with pytest.raises(BundlerError) as caught:
        uploader(lambda _: refusal(413, said)).put_manifest(b"{}")
    assert caught.value.code is ExitCode.NETWORK
    assert "DENIED: quota" in caught.value.why
    assert "\x1b" not in str(caught.value)


def test_a_registry_that_keeps_something_else_is_told() -> None:
    other = {"Docker-Content-Digest": str(DIGEST)}
    with pytest.raises(BundlerError) as caught:
        uploader(lambda _: httpx2.Response(201, headers=other)).put_manifest(b"{}")
    assert caught.value.code is ExitCode.INTEGRITY


def test_plain_http_is_for_registries_that_were_named() -> None:
    schemes: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        schemes.append(request.url.scheme)
        return httpx2.Response(404)

    assert uploader(answer).manifest_digest() == ""
    assert uploader(answer, insecure=True).manifest_digest() == ""
    assert schemes == ["https", "http"]
