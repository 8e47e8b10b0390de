"""Logins for registries, from the files that `docker login`, `podman login`, `skopeo login` and Helm write.

The files are containers-auth.json(5), Docker's config.json and Helm's; they share one form. Credential
helpers (`docker-credential-NAME`) are asked as Docker asks them: the registry goes in on standard input, so
nothing secret is ever in an argv. A secret is shown by no repr and no message.
"""

import base64
import binascii
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import DEFAULT_REGISTRY

HELPER_TIMEOUT = 30.0  # seconds
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a name, not a path
_SCHEME = re.compile(r"https?://")
_NAMES_OF_DEFAULT = ("docker.io", "index.docker.io", "registry-1.docker.io")
_DEFAULT_KEY = "https://index.docker.io/v1/"  # what Docker calls its own registry, towards helpers too
_TOKEN_USER = "<token>"  # noqa: S105  (a helper's word for "the secret is an identity token")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login. Either user and password, or an OAuth2 refresh token ("identity token")."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def basic(self) -> str:
        """The value of an Authorization header for HTTP basic authentication (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


@dataclass(frozen=True, slots=True)
class Keychain:
    """The auth files to look into, the first match wins; `environment` is what helpers run with."""

    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Keychain":
        """The files that Podman, Skopeo, Docker and, last, Helm would use in this environment."""
        return cls(tuple(_places(environment)), environment)

    def find(self, registry: str, repository: str) -> Credentials | None:
        """The login for a repository, None where there is none.

        Raises BundlerError (INPUT) for a malformed file and (TRUST) for a helper that fails.
        """
        for path in self.files:
            found = self._find_in(path, registry, repository)
            if found is not None:
                return found
        return None

    def _find_in(self, path: Path, registry: str, repository: str) -> Credentials | None:
        content = _read(path)
        keys = tuple(_keys(registry, repository))
        helpers = _section(content, "credHelpers", path)
        helper = next((helpers[key] for key in keys if key in helpers), content.get("credsStore"))
        if helper:
            return self._ask(str(helper), _DEFAULT_KEY if registry == DEFAULT_REGISTRY else registry)
        auths = {_normal(key): value for key, value in _section(content, "auths", path).items()}
        entry = next((auths[key] for key in keys if key in auths), None)
        return None if entry is None else _login(entry, path, registry)

    def _ask(self, helper: str, server: str) -> Credentials | None:
        name = f"docker-credential-{helper}"
        if not _HELPER.fullmatch(helper):
            raise _helper_failed(name, "its name is malformed")
        try:
            done = subprocess.run(
                [name, "get"],
                input=server.encode(),
                capture_output=True,
                timeout=HELPER_TIMEOUT,
                env=dict(self.environment),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _helper_failed(name, type(error).__name__) from error
        if done.returncode != 0:
            if b"credentials not found" in done.stdout:
                return None
            raise _helper_failed(name, f"it ended with status {done.returncode}")
        return _from_helper(done.stdout, name)


def _places(environment: Mapping[str, str]) -> Iterator[Path]:
    home = environment.get("HOME", "")
    if own := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(own)
    elif runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"
    if config := environment.get("XDG_CONFIG_HOME") or (home and f"{home}/.config"):
        yield Path(config) / "containers" / "auth.json"
    if docker := environment.get("DOCKER_CONFIG") or (home and f"{home}/.docker"):
        yield Path(docker) / "config.json"
    if (helm := helm_file(environment, "HELM_REGISTRY_CONFIG", "registry/config.json")) is not None:
        yield helm


def helm_file(environment: Mapping[str, str], variable: str, name: str) -> Path | None:
    """Where Helm has one of its files: the variable's, else below HELM_CONFIG_HOME, XDG's or the user's."""
    if own := environment.get(variable):
        return Path(own)
    if folder := environment.get("HELM_CONFIG_HOME"):
        return Path(folder) / name
    home = environment.get("HOME", "")
    config = environment.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
    return Path(config) / "helm" / name if config else None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise _malformed(path, str(why)) from None  # the content may be secret
    if not isinstance(content, dict):
        raise _malformed(path, "it is no JSON object")
    return content


def _section(content: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = content.get(name) or {}
    if not isinstance(section, dict):
        raise _malformed(path, f"{name} is no JSON object")
    return section


def _normal(key: str) -> str:
    """Docker's keys may be URLs, of which only the host counts; Podman's may have a path, which counts."""
    if _SCHEME.match(key):
        return _SCHEME.sub("", key).partition("/")[0]
    return key.removesuffix("/")


def _keys(registry: str, repository: str) -> Iterator[str]:
    """From the most to the least special: `quay.io/a/b`, `quay.io/a`, `quay.io`."""
    names = _NAMES_OF_DEFAULT if registry == DEFAULT_REGISTRY else (registry,)
    parts = repository.split("/")
    for count in range(len(parts), 0, -1):
        path = "/".join(parts[:count])
        yield from (f"{name}/{path}" for name in names)
    yield from names


def _login(entry: object, path: Path, registry: str) -> Credentials | None:
    if not isinstance(entry, dict):
        raise _malformed(path, f"the entry for {registry} is no JSON object")
    if token := entry.get("identitytoken"):
        return Credentials(identity_token=str(token))
    if not (encoded := entry.get("auth")):
        return None
    try:
        user, colon, password = base64.b64decode(str(encoded), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon = ""
    if not colon:
        raise _malformed(path, f"the entry for {registry} is not base64 of USER:PASSWORD") from None
    return Credentials(user, password.rstrip("\0"))


def _from_helper(output: bytes, name: str) -> Credentials:
    try:
        answer = json.loads(output)
        user, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError):
        raise _helper_failed(name, "its answer is malformed") from None  # the answer may be secret
    if user == _TOKEN_USER:
        return Credentials(identity_token=str(secret))
    return Credentials(str(user), str(secret))


def _malformed(path: Path, why: str) -> BundlerError:
    return BundlerError(
        "can't read the registry logins",
        where=path,
        why=why,
        fix="log in again with `skopeo login` or `docker login`, which write the file anew",
        code=ExitCode.INPUT,
    )


def _helper_failed(name: str, why: str) -> BundlerError:
    return BundlerError(
        "the credential helper gives no login",
        where=name,
        why=why,
        fix="check that it is installed and that you are logged in; or remove it from Docker's config.json",
        code=ExitCode.TRUST,
    )
