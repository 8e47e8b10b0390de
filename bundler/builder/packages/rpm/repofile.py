"""Repositories as dnf has them (dnf.conf(5)): sections of a file, each with a `baseurl` and its keys.

Two words have a default of their own here, so that nothing unsigned comes in unless the file says so:

| repo_gpgcheck | gpgcheck    | what is checked besides digests                             |
|---------------|-------------|-------------------------------------------------------------|
| 1 (default)   | 0 (default) | the signature of repomd.xml, which vouches for all else     |
| 1             | 1           | that, and every package's own signature                     |
| 0             | 1 (default) | every package's own signature; the metadata is believed     |
| 0             | 0           | nothing                                                     |
"""

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundler.builder.net.http import display
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems

_TRUTH: Final = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_PRIORITY: Final = 99  # dnf's own; less goes first
# What would lead elsewhere, or to other packages, than what is read here.
_NOT_READ: Final = {
    "mirrorlist": "name the address of one mirror with baseurl",
    "metalink": "name the address of one mirror with baseurl",
    "sslclientcert": "copy the repository with `dnf reposync --download-metadata`, and name the copy",
    "username": "put a mirror before it that asks for no password",
    "excludepkgs": "leave it out, and pin with PACKAGE … NAME=VERSION",
    "exclude": "leave it out, and pin with PACKAGE … NAME=VERSION",
    "includepkgs": "leave it out, and pin with PACKAGE … NAME=VERSION",
}


@dataclass(frozen=True, slots=True)
class RpmRepository:
    """A repository. base: its address, ends with `/`. keys: where its keys are: paths, or https:// addresses.

    signed_index: repomd.xml must be signed with one of the keys; signed_packages: every package must.
    priority: of those that have a package, the repository with the least number is taken.
    """

    name: str
    base: str
    keys: tuple[str, ...]
    signed_index: bool
    signed_packages: bool
    priority: int = _PRIORITY

    @property
    def shown(self) -> str:
        """Its address for messages, without a password."""
        return display(self.base)


def read_repositories(path: Path, variables: Mapping[str, str]) -> tuple[RpmRepository, ...]:
    """The enabled repositories of a file.

    variables: what stands for `$releasever`, `$basearch` and the like.
    Raises BundlerError (NOT_FOUND, INPUT), and Problems for all that is wrong in it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundlerError(
            "can't read the file of rpm repositories",
            where=path,
            why=str(error),
            code=ExitCode.NOT_FOUND,
            fix="check --rpm-repos or BUNDLER_RPM_REPOS",
        ) from error
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise BundlerError(
            "this is no file of rpm repositories",
            where=path,
            why=error.message,
            code=ExitCode.INPUT,
            fix="write [NAME] and, below it, baseurl=… and gpgkey=…, as in /etc/yum.repos.d",
        ) from error
    reader = _Reader(path, text, variables)
    found = tuple(reader.repository(name, parser[name]) for name in parser.sections() if name != "main")
    if reader.problems:
        raise Problems(tuple(reader.problems))
    enabled = tuple(each for each in found if each is not None)
    if not enabled:
        fix = "write [NAME] and, below it, baseurl=… and gpgkey=…"
        raise BundlerError("no repository in it is enabled", where=path, code=ExitCode.INPUT, fix=fix)
    return enabled


class _Reader:
    """Reads sections and gathers what is wrong with them."""

    def __init__(self, path: Path, text: str, variables: Mapping[str, str]) -> None:
        self._path = path
        self._variables = variables
        self._lines = text.splitlines()
        self.problems: list[Problem] = []

    def repository(self, name: str, section: Mapping[str, str]) -> RpmRepository | None:
        """None for one that is not enabled, or that has a fault."""
        if not self._truth(name, section, "enabled", default=True):
            return None
        before = len(self.problems)
        if not _NAME.fullmatch(name):
            self._fault(
                name, f"not the name of a repository: {name!r}", "write letters, digits, `-`, `_`, `.`"
            )
        for word in sorted(_NOT_READ.keys() & section.keys()):
            self._fault(name, f"{name}: {word} is not supported", _NOT_READ[word])
        base = self._base(name, section)
        signed_index = self._truth(name, section, "repo_gpgcheck", default=True)
        signed_packages = self._truth(name, section, "gpgcheck", default=not signed_index)
        keys = tuple(self._keys(name, section))
        if (signed_index or signed_packages) and not keys:
            fix = "name its keys with gpgkey=FILE; repo_gpgcheck=0 and gpgcheck=0 together take it unsigned"
            self._fault(name, f"{name}: nothing says whose signature it must have", fix)
        priority = section.get("priority", str(_PRIORITY))
        if not re.fullmatch(r"\d{1,4}", priority):
            self._fault(name, f"{name}: priority={priority} is no number", "write 1 to 99; less goes first")
        if len(self.problems) > before:
            return None
        return RpmRepository(name, base, keys, signed_index, signed_packages, int(priority))

    def _base(self, name: str, section: Mapping[str, str]) -> str:
        words = section.get("baseurl", "").split()
        base = self._expanded(name, words[0]) if words else ""
        if not base.startswith(("https://", "http://", "file:///")):
            self._fault(name, f"{name}: it has no baseurl", "write baseurl=https://HOST/PATH")
        return f"{base.rstrip('/')}/"

    def _keys(self, name: str, section: Mapping[str, str]) -> Iterator[str]:
        for word in section.get("gpgkey", "").split():
            key = self._expanded(name, word)
            if key.startswith("https://"):
                yield key
            elif "://" not in key or key.startswith("file:///"):
                yield str(self._path.parent / key.removeprefix("file://"))
            else:
                self._fault(
                    name, f"{name}: a key can't come from {key}", "name a file, or an https:// address"
                )

    def _expanded(self, name: str, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            variable = found[1] or found[2]
            if variable not in self._variables:
                known = ", ".join(f"${each}" for each in self._variables)
                self._fault(name, f"{name}: ${variable} is not known", f"write its value; known are {known}")
            return self._variables.get(variable, "")

        return _VARIABLE.sub(value, text)

    def _truth(self, name: str, section: Mapping[str, str], word: str, *, default: bool) -> bool:
        text = section.get(word, "").lower()
        if text and text not in _TRUTH:
            self._fault(name, f"{name}: {word}={text} is neither yes nor no", "write 1 or 0")
        return _TRUTH.get(text, default)

    def _fault(self, name: str, message: str, fix: str) -> None:
        at = next((number for number, line in enumerate(self._lines, 1) if line.strip() == f"[{name}]"), 0)
        self.problems.append(Problem(Location(str(self._path), at), "rpm-repository", message, fix))
