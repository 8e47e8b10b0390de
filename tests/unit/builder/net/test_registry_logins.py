"""Logins are found where Docker and Podman keep them, and answer a registry's challenge."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.net.registry_logins import Credentials, Keychain
from bundler.core.challenge import Challenge, parse_challenge
from bundler.core.errors import BundlerError, ExitCode, Problems
from tests.kits.images import MadeImage

SECRET = "s3cret:with:colons"


def auth(user: str = "user", password: Any = SECRET) -> Any:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def keychain(tmp_path: Path) -> Any:
    def keychain(document: Any, **environment: Any) -> Any:
        path = tmp_path / "auth.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return Keychain((path,), environment)

    return keychain


@pytest.mark.parametrize(
    ("key", "registry", "repository", "found"),
    [
        ("quay.io", "quay.io", "a/b", True),
        ("quay.io/a", "quay.io", "a/b", True),
        ("quay.io/a/b", "quay.io", "a/b", True),
        ("quay.io/a/c", "quay.io", "a/b", False),
        ("quay.io/a/b", "quay.io", "a/bc", False),
        ("https://quay.io", "quay.io", "a/b", True),
        ("https://quay.io/v1/", "quay.io", "a/b", True),
        ("http://localhost:5000", "localhost:5000", "a", True),
        ("localhost", "localhost:5000", "a", False),
        ("https://index.docker.io/v1/", "docker.io", "library/nginx", True),
        ("docker.io", "docker.io", "library/nginx", True),
        ("docker.io/library", "docker.io", "library/nginx", True),
        ("registry-1.docker.io", "docker.io", "library/nginx", True),
        ("docker.io", "quay.io", "library/nginx", False),
    ],
)
def test_keys_match_as_they_do_for_docker_and_podman(
    keychain: Any, key: str, registry: str, repository: str, *, found: bool
) -> None:
    credentials = keychain({"auths": {key: auth()}}).find(registry, repository)
    assert credentials == (Credentials("user", SECRET) if found else None)


def test_the_most_special_key_wins(keychain: Any) -> None:
    keys = {"quay.io": auth("all"), "quay.io/a": auth("team"), "quay.io/a/b": auth("one")}
    logins = keychain({"auths": keys})
    assert logins.find("quay.io", "a/b").username == "one"
    assert logins.find("quay.io", "a/c").username == "team"
    assert logins.find("quay.io", "x/c").username == "all"


def test_the_files_are_those_of_podman_docker_and_helm(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/run/user/1"}
    assert [str(path) for path in Keychain.of(home).files] == [
        "/run/user/1/containers/auth.json",
        f"{tmp_path}/.config/containers/auth.json",
        f"{tmp_path}/.docker/config.json",
        f"{tmp_path}/.config/helm/registry/config.json",
    ]
    special = home | {"REGISTRY_AUTH_FILE": "/a", "DOCKER_CONFIG": "/d", "XDG_CONFIG_HOME": "/c"}
    assert [str(path) for path in Keychain.of(special).files] == [
        "/a",
        "/c/containers/auth.json",
        "/d/config.json",
        "/c/helm/registry/config.json",
    ]
    assert str(Keychain.of({"HELM_REGISTRY_CONFIG": "/h.json"}).files[-1]) == "/h.json"
    assert str(Keychain.of({"HELM_CONFIG_HOME": "/h"}).files[-1]) == "/h/registry/config.json"
    assert Keychain.of({}).find("quay.io", "a") is None


def test_the_first_file_with_a_login_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(json.dumps({"auths": {"quay.io": auth("first"), "empty.io": {}}}))
    second.write_text(json.dumps({"auths": {"quay.io": auth("second"), "empty.io": auth("second")}}))
    logins = Keychain((tmp_path / "absent", first, second))
    found = [logins.find(host, "a") for host in ("quay.io", "empty.io")]
    assert [login and login.username for login in found] == ["first", "second"]


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        {"auths": ["x"]},
        {"auths": {"quay.io": "x"}},
        {"auths": {"quay.io": {"auth": "!!!"}}},
        {"auths": {"quay.io": {"auth": base64.b64encode(b"no colon").decode()}}},
    ],
)
def test_a_malformed_file_is_named_and_not_shown(keychain: Any, document: Any) -> None:
    with pytest.raises(BundlerError) as caught:
        keychain(document).find("quay.io", "a")
    assert caught.value.code == ExitCode.INPUT
    assert "auth.json" in str(caught.value)
    assert "no colon" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    login = Credentials("user", SECRET, "identity")
    assert SECRET not in repr(login)
    assert "identity'" not in repr(login)


@pytest.fixture
def helper(tmp_path: Path) -> Any:
    """A credential helper on PATH; the environment to use it."""

    def helper(script: Any) -> Any:
        path = tmp_path / "bin" / "docker-credential-mine"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return {"PATH": f"{path.parent}:/usr/bin:/bin"}

    return helper


def test_a_helper_is_asked_on_standard_input(
    keychain: Any, helper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = helper('read server; echo "{\\"Username\\": \\"$1 $# $server\\", \\"Secret\\": \\"s\\"}"')
    monkeypatch.setenv("PATH", env["PATH"])
    logins = keychain({"credHelpers": {"quay.io": "mine"}, "auths": {"quay.io": auth()}}, **env)
    assert logins.find("quay.io", "a/b") == Credentials("get 1 quay.io", "s")
    store = keychain({"credsStore": "mine"}, **env)
    assert store.find("docker.io", "a/b").username == "get 1 https://index.docker.io/v1/"


def test_a_helper_may_hold_an_identity_token_or_nothing(
    keychain: Any, helper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = helper(
        'read server; [ "$server" = quay.io ] || { echo "credentials not found"; exit 1; }\n'
        'echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"s\\"}"'
    )
    monkeypatch.setenv("PATH", env["PATH"])
    logins = keychain({"credsStore": "mine"}, **env)
    assert logins.find("quay.io", "a") == Credentials(identity_token="s")
    assert logins.find("other.io", "a") is None


@pytest.mark.parametrize("script", ["exit 3", "echo hidden-secret", "echo '{}'"])
def test_a_helper_that_fails_is_named_and_its_words_are_not(
    keychain: Any, helper: Any, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    env = helper(script)
    monkeypatch.setenv("PATH", env["PATH"])
    with pytest.raises(BundlerError) as caught:
        keychain({"credsStore": "mine"}, **env).find("quay.io", "a")
    assert caught.value.code == ExitCode.TRUST
    assert "docker-credential-mine" in str(caught.value)
    assert "hidden-secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["../../bin/sh", "absent-helper", "a/b"])
def test_a_helper_that_is_none_is_an_error(keychain: Any, name: str) -> None:
    with pytest.raises(BundlerError, match="no login"):
        keychain({"credsStore": name}).find("quay.io", "a")


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (
            'Bearer realm="https://a.io/token",service="a.io",scope="repository:x/y:pull"',
            Challenge("bearer", "https://a.io/token", "a.io", "repository:x/y:pull"),
        ),
        ('bearer scope="a,b" , realm = "https://x"', Challenge("bearer", "https://x", "", "a,b")),
        ("Bearer realm=https://x,service=s", Challenge("bearer", "https://x", "s")),
        ('Bearer realm="a\\"b",error="insufficient_scope"', Challenge("bearer", 'a"b')),
        ('Basic realm="Registry"', Challenge("basic", "Registry")),
        (
            'Basic realm="x", Bearer realm="https://a.io/t",service="s",scope="repository:r:pull"',
            Challenge("bearer", "https://a.io/t", "s", "repository:r:pull"),
        ),
        (
            'Bearer realm="https://a.io/t", service="s, Basic x=y", Basic realm="x", charset="UTF-8"',
            Challenge("bearer", "https://a.io/t", "s, Basic x=y"),
        ),
        ('Negotiate, Basic realm="x"', Challenge("basic", "x")),
        ('Negotiate YII+/abc==, NTLM , , Bearer realm="https://x"', Challenge("bearer", "https://x")),
        ('Bearer error="invalid_token", Basic realm="x"', Challenge("basic", "x")),
        (
            'Basic realm="x", x-1=y, charset="UTF-8",Bearer  realm="https://a.io/t" ,service="s"',
            Challenge("bearer", "https://a.io/t", "s"),
        ),
        ('Digest realm="d", nonce="n"', Challenge("digest", "d")),
        ("", Challenge("")),
        ("Bearer", Challenge("bearer")),
        ('Bearer realm="', Challenge("bearer")),
    ],
)
def test_challenges_are_read(header: str, challenge: Any) -> None:
    assert parse_challenge(header) == challenge


class TokenRegistry:
    """The stub registry, behind a token server on the same port."""

    def __init__(
        self, registry: Any, *, valid: Any = ("t1",), login: Any = None, field: str = "token"
    ) -> None:
        self.registry, self.valid, self.login, self.field = registry, list(valid), login, field
        self.issued = 0
        registry.content["/token"] = ("application/json", b"")
        registry.script("/none")

    def guard(self, *paths: Any) -> None:
        for path in paths:
            self.registry.script(path, *[self._check] * 50)

    def _check(self, handler: Any) -> None:
        if handler.headers.get("Authorization", "") in {f"Bearer {token}" for token in self.valid}:
            handler.serve()
            return
        realm = f'Bearer realm="http://{self.registry.host}/token",service="reg",scope="repository:app:pull"'
        handler.say(401, headers={"WWW-Authenticate": realm})

    def serve_tokens(self, *answers: Any) -> None:
        path = "/token?service=reg&scope=repository%3Aapp%3Apull"
        self.registry.script(path, *answers)


def token(value: Any, field: str = "token") -> Any:
    return lambda handler: handler.say(200, json.dumps({field: value}).encode())


@pytest.mark.parametrize("field", ["token", "access_token"])
def test_a_token_is_fetched_once_and_used_for_all_of_a_repository(
    registry: Any, pull: Any, keychain: Any, field: str
) -> None:
    image = MadeImage(b"1", b"2", b"3")
    name = registry.put("app:1", image)
    server = TokenRegistry(registry)
    server.guard(*registry.content)
    server.serve_tokens(token("t1", field))
    pull(name, keychain=keychain({"auths": {registry.host: auth()}}))
    asked = registry.asked("/token")
    assert [headers["Authorization"] for headers in asked] == [Credentials("user", SECRET).basic()]


def test_a_token_that_runs_out_is_renewed_on_the_way(registry: Any, pull: Any) -> None:
    image = MadeImage(b"1")
    name = registry.put("app:1", image)
    server = TokenRegistry(registry, valid=["t1"])
    server.guard(*registry.content)
    path = next(path for path in registry.content if image.layers and path.endswith(_layer(image)))

    def expire(handler: Any) -> None:
        server.valid = ["t2"]
        server._check(handler)

    registry.script(path, expire, *[server._check] * 9)
    server.serve_tokens(token("t1"), token("t2"))
    pull(name)
    assert len(registry.asked("/token")) == 2


def _layer(image: Any) -> Any:
    return json.loads(image.manifest)["layers"][0]["digest"]


def test_an_identity_token_goes_in_the_body(registry: Any, pull: Any, keychain: Any) -> None:
    name = registry.put("app:1", MadeImage(b"1"))
    server = TokenRegistry(registry)
    server.guard(*registry.content)
    bodies = []

    def answer(handler: Any) -> None:
        bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        token("t1")(handler)

    registry.script("/token", answer)
    pull(name, keychain=keychain({"auths": {registry.host: {"identitytoken": "refresh"}}}))
    (body,) = bodies
    assert "grant_type=refresh_token" in body
    assert "refresh_token=refresh" in body
    assert "scope=repository%3Aapp%3Apull" in body


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda handler: handler.say(401), "refuses the login"),
        (lambda handler: handler.say(200, b"{}"), "holds no token"),
        (lambda handler: handler.say(200, b'{"token": "a\\r\\nX-Evil: 1"}'), "holds no token"),
        (lambda handler: handler.say(200, b" " * (2 << 20)), "endless"),
    ],
)
def test_a_token_server_that_gives_none_is_a_clear_error(
    registry: Any, pull: Any, keychain: Any, answer: Any, says: str
) -> None:
    name = registry.put("app:1", MadeImage(b"1"))
    server = TokenRegistry(registry)
    server.guard(*registry.content)
    server.serve_tokens(*[answer] * 9)
    with pytest.raises(Problems) as caught:
        pull(name, keychain=keychain({"auths": {registry.host: auth()}}))
    assert caught.value.code == ExitCode.TRUST
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
    assert Credentials("user", SECRET).basic() not in str(caught.value)


def test_a_token_that_is_never_good_enough_ends(registry: Any, pull: Any) -> None:
    name = registry.put("app:1", MadeImage(b"1"))
    server = TokenRegistry(registry, valid=[])
    server.guard(*registry.content)
    server.serve_tokens(*[token(f"t{n}") for n in range(20)])
    with pytest.raises(Problems) as caught:
        pull(name)
    assert caught.value.code == ExitCode.TRUST
    assert len(registry.asked("/token")) < 10


def test_basic_without_or_with_a_wrong_login_says_what_to_do(registry: Any, pull: Any, keychain: Any) -> None:
    name = registry.put("app:1", MadeImage(b"1"))
    challenge = {"WWW-Authenticate": 'Basic realm="x"'}
    registry.script("/v2/app/manifests/1", *[lambda handler: handler.say(401, headers=challenge)] * 9)
    with pytest.raises(Problems, match=f"skopeo login {registry.host}"):
        pull(name)
    with pytest.raises(Problems, match="password of user 'user'") as caught:
        pull(name, keychain=keychain({"auths": {registry.host: auth()}}))
    assert SECRET not in str(caught.value)
