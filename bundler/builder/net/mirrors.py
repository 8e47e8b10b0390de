"""Addresses that are reached through others: a company's mirror, or a test's stand-in for the internet.

A mirrors file has a line for each rule, `PREFIX REPLACEMENT`; `#` begins a comment. A rule whose prefix
begins with a scheme (`https://dl.k8s.io/`) is for files, any other (`registry.k8s.io`,
`docker.io/library`) for image names. The longest prefix wins. Names in the bundle, in messages and in the
cache stay what they were; digests are checked all the same.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bundler.builder.net.registries import Place, Registries
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.reference import Reference


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Rules as pairs of prefix and replacement, longest prefix first.

    registries: what registries.conf says of images that no rule of the mirrors file is about.
    """

    files: tuple[tuple[str, str], ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    registries: Registries = field(default_factory=Registries)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a mirrors file. Raises BundlerError (NOT_FOUND) and Problems."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BundlerError(
                "can't read the mirrors file",
                where=path,
                why=str(error),
                code=ExitCode.NOT_FOUND,
                fix="check --mirrors or BUNDLER_MIRRORS",
            ) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, file: str) -> Self:
        """Read rules; `file` is for messages. Raises Problems, all lines at once."""
        rules: dict[str, str] = {}
        problems: list[Problem] = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            if len(words) != 2 or ("://" in words[0]) != ("://" in words[1]):
                problems.append(_wrong(Location(file, number, 1), line))
                continue
            rules[words[0]] = words[1]
        if problems:
            raise Problems(tuple(problems))
        ordered = sorted(rules.items(), key=lambda rule: (-len(rule[0]), rule))
        files = tuple(rule for rule in ordered if "://" in rule[0])
        return cls(files, tuple(rule for rule in ordered if "://" not in rule[0]))

    def url(self, url: str) -> str:
        """Where a file's address is really asked for."""
        for prefix, replacement in self.files:
            if url.startswith(prefix) and _ends_part(prefix, url):
                return replacement + url[len(prefix) :]
        return url

    def places(self, ref: Reference) -> tuple[Place, ...]:
        """Where an image is asked for, in order. Raises BundlerError (INPUT) for one that is blocked."""
        ruled = self.image(ref.name)
        return (Place(ruled),) if ruled != ref.name else self.registries.places(ref)

    def image(self, name: str) -> str:
        """Where an image's repository, written in full (`docker.io/library/nginx`), is really asked for."""
        for prefix, replacement in self.images:
            if name == prefix or (name.startswith(prefix) and _ends_part(prefix, name)):
                return replacement + name[len(prefix) :]
        return name


def _ends_part(prefix: str, text: str) -> bool:
    """Whether the prefix ends where a part of the path does: `docker.io` isn't one of `docker.io.example`."""
    return prefix.endswith("/") or text[len(prefix) : len(prefix) + 1] in {"", "/"}


def _wrong(location: Location, line: str) -> Problem:
    return Problem(
        location,
        "mirror-rule",
        "not a mirror rule",
        "write PREFIX REPLACEMENT, both with a scheme (files) or both without (images)",
        line,
    )
