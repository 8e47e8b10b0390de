"""Logins for files and chart repositories over https, from where their users have them already.

A chart repository's are those of `helm repo add --username`, in Helm's repositories.yaml; for any other file,
and for repositories that Helm doesn't know, those of a netrc file, which curl, pip and apt read too. A login
goes to the scheme, host and port that it is for, over https only, and not along with a redirect.
"""

import netrc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from bundler.builder.net.registry_logins import Credentials, helm_file
from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.yamldoc import load_all

_MAX_FILE = 4 << 20  # bytes
_NONE: Mapping[str, Credentials] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HelmRepository:
    """An entry of repositories.yaml. everywhere: its login goes to other hosts (pass_credentials_all)."""

    url: str
    login: Credentials
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Logins:
    """What was found. machines: of netrc, by host; `default` is not taken, it would go to anybody."""

    machines: Mapping[str, Credentials] = field(default_factory=lambda: _NONE, repr=False)
    repositories: tuple[HelmRepository, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Logins":
        """Those of $NETRC or ~/.netrc, and of Helm's repositories.yaml. Raises BundlerError (INPUT).

        A file that isn't there has none, even one that a variable names: Helm and curl say so, too.
        """
        home = environment.get("HOME", "")
        own = environment.get("NETRC", "") or (f"{home}/.netrc" if home else "")
        helm = helm_file(environment, "HELM_REPOSITORY_CONFIG", "repositories.yaml")
        return cls(
            _machines(Path(own)) if own else _NONE,
            _repositories(helm) if helm is not None else (),
        )

    def file(self, url: str) -> Credentials | None:
        """The login for a file."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname is None:
            return None
        return self.machines.get(parts.netloc.rpartition("@")[2]) or self.machines.get(parts.hostname)

    def chart(self, repository: str, url: str) -> Credentials | None:
        """The login for what a chart repository points to: its index, or an archive, maybe elsewhere."""
        for one in self.repositories:
            if one.url == repository.rstrip("/") and urlsplit(url).scheme == "https":
                return one.login if one.everywhere or _origin(url) == _origin(one.url) else None
        return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _machines(path: Path) -> Mapping[str, Credentials]:
    try:
        found = netrc.netrc(path)
    except (FileNotFoundError, NotADirectoryError):
        return _NONE
    except OSError as error:
        raise _bad(path, error.strerror or str(error)) from None
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise _bad(
            path, f"line {line} is not as netrc has it" if line else "it is no text"
        ) from None  # a secret, maybe
    return {
        host: Credentials(login, password or "")
        for host, (login, _, password) in found.hosts.items()
        if host != "default"
    }


def _repositories(path: Path) -> tuple[HelmRepository, ...]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise _bad(path, error.strerror or str(error)) from None
    try:
        documents = load_all(text, str(path))
    except Problems as error:
        first = error.problems[0]  # its text may be a secret
        raise _bad(path, f"line {first.location.line}: it is not YAML as Helm writes it") from None
    data = documents[0].data if documents else None
    listed = data.get("repositories") if isinstance(data, dict) else None
    entries = listed if isinstance(listed, list) else []
    return tuple(found for entry in entries if (found := _repository(entry, path)) is not None)


def _repository(entry: Any, path: Path) -> HelmRepository | None:
    """Those without a login say nothing."""
    if not isinstance(entry, dict) or not entry.get("username"):
        return None
    url, user, password = (entry.get(key, "") for key in ("url", "username", "password"))
    if not all(isinstance(text, str) for text in (url, user, password)):
        raise _bad(path, f"url, username and password of {str(entry.get('name'))[:80]!r} are not all text")
    everywhere = entry.get("pass_credentials_all") is True
    return HelmRepository(url.rstrip("/"), Credentials(user, password), everywhere)


def _bad(path: Path, why: str) -> BundlerError:
    return BundlerError(
        "can't read the logins",
        where=path,
        why=why,
        code=ExitCode.INPUT,
        fix="correct the file; `helm repo add --force-update` writes an entry of repositories.yaml anew",
    )
