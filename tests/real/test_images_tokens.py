"""A real docker-registry that lets nobody in without a token, and a token server that gives them."""

import json

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.images.resolve import resolve_images
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent
from bundler.core.errors import ExitCode, Problems
from bundler.core.oci import Platform
from bundler.core.reference import Reference
from bundler.installer.push.http import Client
from bundler.installer.push.registry import Login, RegistryClient
from tests.real import registry_kit
from tests.real.registry_kit import PASSWORD, USER, login, running, write_layout
from tests.real.token_kit import REFRESH, SERVICE, offering, serving_tokens
from tests.unit.builder.images.parts import MadeImage, digest_of, layout_files

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(registry_kit.missing()), reason=registry_kit.missing() or "all there"),
]
IMAGE = MadeImage(b"behind a token", b"another layer")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    with serving_tokens(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture(scope="module")
def registry(tokens):
    """The registry, filled by skopeo, which gets its tokens from the same server."""
    with running(tokens.folder, tls=True, auth=tokens.auth) as registry:
        layout = write_layout(tokens.folder / "layout", layout_files({"x:1": IMAGE}))
        authfile = login(tokens.folder / "auth.json", registry.host)
        for name in ("team/app:1", "public/app:1"):
            registry.push(layout, "x:1", name, "--dest-authfile", str(authfile))
        yield registry


@pytest.fixture
def pull(registry, tokens, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))
    tokens.asked.clear()

    def pull(name, auths, host=registry.host):
        path = tmp_path / "auth.json"
        path.write_text(json.dumps({"auths": auths}))
        with Store(tmp_path / "cache") as store:
            (found,) = resolve_images(
                [ImageRequest(Reference.parse(f"{host}/{name}"))],
                store=store,
                platform=Platform("linux", "amd64"),
                registries=RegistryOptions(keychain=Keychain((path,))),
                progress=Silent(),
            )
        return [str(part.digest) for part in found.blobs[1:]]

    return pull


@pytest.fixture
def known(registry, tmp_path):
    return json.loads(login(tmp_path / "known.json", registry.host).read_text())["auths"]


LAYERS = [digest_of(layer) for layer in IMAGE.layers]


def test_a_login_becomes_one_token_for_all_requests(pull, tokens, known):
    assert pull("team/app:1", known) == LAYERS
    (asked,) = tokens.asked
    assert (asked["method"], asked["service"], asked["scope"]) == ("GET", SERVICE, "repository:team/app:pull")
    assert asked["login"].startswith("Basic ")


OFFERS = (
    ('Basic realm="x", TOKEN',),
    ('TOKEN, Basic realm="x", charset="UTF-8"',),
    ('Basic realm="x"', "TOKEN"),
    ("TOKEN", 'Basic realm="x"'),
    ("Negotiate", 'Digest realm="d", nonce="a,b", qop="auth", TOKEN'),
)


@pytest.mark.parametrize("offers", OFFERS)
def test_of_several_challenges_the_one_that_is_taken_is_the_tokens(pull, registry, tokens, known, offers):
    """In one header or in several, in any order; a password alone is not accepted there."""
    with offering(tokens.folder, registry.host, *offers) as host:
        assert pull("team/app:1", {host: known[registry.host]}, host) == LAYERS
    assert [asked["method"] for asked in tokens.asked] == ["GET"]


@pytest.mark.parametrize("offers", OFFERS)
def test_a_push_takes_the_tokens_challenge_too(registry, tokens, offers):
    client = Client(authority=registry.certificate)
    with offering(tokens.folder, registry.host, *offers) as host:
        there = RegistryClient(host, client, Login(USER, PASSWORD), plain=False)
        assert there.manifest_digest("team/app", "1") == digest_of(IMAGE.manifest)
        client.close()


def test_what_is_public_needs_no_login(pull, tokens):
    assert pull("public/app:1", {}) == LAYERS
    assert [asked["login"] for asked in tokens.asked] == [""]


def test_an_identity_token_is_exchanged(pull, tokens, registry):
    assert pull("team/app:1", {registry.host: {"identitytoken": REFRESH}}) == LAYERS
    assert [asked["method"] for asked in tokens.asked] == ["POST"]


def test_a_token_that_has_run_out_is_renewed(pull, tokens, known):
    tokens.stale = 1
    assert pull("team/app:1", known) == LAYERS
    assert len(tokens.asked) == 2


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"auth": "cm9ib3Q6d3Jvbmc="}, "refuses the login"),
        ({"identitytoken": "another"}, "refuses the login"),
        ({}, "skopeo login"),
    ],
)
def test_who_may_not_is_told(pull, registry, auth, says):
    with pytest.raises(Problems) as caught:
        pull("team/app:1", {registry.host: auth} if auth else {})
    assert caught.value.code == ExitCode.TRUST
    assert says in str(caught.value)
    assert REFRESH not in str(caught.value)
