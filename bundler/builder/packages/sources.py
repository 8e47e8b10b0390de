"""Where packages come from, as options and the environment say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import DISTRIBUTIONS, Family, Suite


@dataclass(frozen=True, slots=True)
class PackageSources:
    """mirrors: addresses by archive (`debian`, `ubuntu`, `ubuntu-ports`); else this machine's own are used.

    keyrings: files of keys (gpgv's form) that apt's indexes must be signed with, by distribution, in place of
    those that the machine has. rpm_repos: files of repositories, as dnf has them, by suite; by "" for every
    suite that has none of its own.
    """

    mirrors: Mapping[str, str] = field(default_factory=dict)
    keyrings: Mapping[str, Path] = field(default_factory=dict)
    rpm_repos: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, mirrors: Mapping[str, str], keyrings: Sequence[str], rpm_repos: Sequence[str]) -> Self:
        """Read what was typed.

        mirrors: by archive, "" where none was named. keyrings: each DISTRIBUTION=FILE. rpm_repos: each
        SUITE=FILE, or FILE. Raises BundlerError (USAGE, INPUT, UNSUPPORTED).
        """
        named = {archive: address for archive, address in mirrors.items() if address}
        return cls(named, dict(map(_keyring, keyrings)), dict(map(_repos, rpm_repos)))


def _keyring(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    known = DISTRIBUTIONS.get(name)
    if known is None or known.family is not Family.DEB or not file:
        raise BundlerError(
            f"not a keyring of a distribution: {text!r}",
            code=ExitCode.USAGE,
            fix="write --keyring DISTRIBUTION=FILE, as in ubuntu=keys/ubuntu-archive-keyring.gpg",
        )
    return name, Path(file)


def _repos(text: str) -> tuple[str, Path]:
    suite, equals, file = text.partition("=")
    if not equals:
        return "", Path(text)
    if Suite.parse(suite).known.family is not Family.RPM or not file:
        raise BundlerError(
            f"no file of rpm repositories for a suite: {text!r}",
            code=ExitCode.USAGE,
            fix="write --rpm-repos SUITE=FILE, as in rhel:9=rhel9.repo",
        )
    return suite, Path(file)
