"""Where images are really asked for: containers-registries.conf(5), as Podman and skopeo read it.

Of version 2: `[[registry]]` with prefix, location, insecure, blocked, mirror (location, insecure,
pull-from-mirror) and mirror-by-digest-only; of version 1 the lists of insecure and blocked registries.
Search lists and short-name aliases are not followed: a short name means docker.io, as on site.

`insecure` means plain HTTP here and nothing else. A registry with a certificate of its own is made known by
SSL_CERT_FILE.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference

_SYSTEM = Path("/etc/containers")
_MAX_FILE = 1 << 20  # bytes
_WHEN = ("all", "digest-only", "tag-only")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image is asked for: `name` is registry and repository; insecure: over plain HTTP."""

    name: str
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror of all below a prefix. when: `all`, `digest-only` or `tag-only`."""

    location: str
    insecure: bool = False
    when: str = "all"


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[registry]]`. prefix: `HOST`, `HOST/PATH` or `*.DOMAIN`; location: "" where it isn't moved."""

    prefix: str
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()

    def rest(self, name: str) -> str | None:
        """What follows the prefix in a name, None where it doesn't begin with it."""
        if self.prefix.startswith("*."):
            host, slash, path = name.partition("/")
            return slash + path if host.endswith(self.prefix[1:]) else None
        if name != self.prefix and not name.startswith(f"{self.prefix}/"):
            return None
        return name[len(self.prefix) :]


@dataclass(frozen=True, slots=True)
class Registries:
    """All rules; of those that fit a name, the one with the longest prefix holds."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """What Podman and skopeo would use.

        CONTAINERS_REGISTRIES_CONF alone, or the user's or the system's file and all drop-ins.
        Raises BundlerError (INPUT) for a file that can't be read.
        """
        rules: dict[str, Rule] = {}
        for path in _files(environment):
            rules |= {rule.prefix: rule for rule in read_rules(path)}  # a later file replaces a whole rule
        return cls(tuple(rules.values()))

    def places(self, ref: Reference) -> tuple[Place, ...]:
        """Where to ask, in order, the place itself last. Raises BundlerError (INPUT) if it is blocked."""
        fitting = [
            (len(rule.prefix), rule, rest) for rule in self.rules if (rest := rule.rest(ref.name)) is not None
        ]
        if not fitting:
            return (Place(ref.name),)
        _, rule, rest = max(fitting, key=lambda one: one[0])
        if rule.blocked:
            raise BundlerError(
                "registries.conf blocks this image",
                where=ref,
                why=f"it forbids all below {rule.prefix}",
                fix="take the image from elsewhere, or change the file",
                code=ExitCode.INPUT,
            )
        kind = "tag-only" if ref.digest is None else "digest-only"
        mirrors = (
            Place(one.location + rest, one.insecure) for one in rule.mirrors if one.when in {"all", kind}
        )
        own = Place(rule.location + rest if rule.location else ref.name, rule.insecure)
        return (*mirrors, own)


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of one file. Raises BundlerError (INPUT)."""
    try:
        with path.open("rb") as stream:
            data = tomllib.loads(stream.read(_MAX_FILE).decode())
        return (*_first_version(data), *(_rule(one) for one in _tables(data, "registry")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise BundlerError(
            "can't use the registries' configuration",
            where=path,
            why=str(error),
            fix="see containers-registries.conf(5)",
            code=ExitCode.INPUT,
        ) from error


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    if named := environment.get("CONTAINERS_REGISTRIES_CONF"):
        yield Path(named)
        return
    home = environment.get("XDG_CONFIG_HOME") or (
        environment.get("HOME") and f"{environment['HOME']}/.config"
    )
    folders = [_SYSTEM, *([Path(home) / "containers"] if home else [])]
    mains = [path for folder in reversed(folders) if (path := folder / "registries.conf").is_file()]
    yield from mains[:1]
    for folder in folders:
        yield from sorted((folder / "registries.conf.d").glob("*.conf"))


def _first_version(data: Mapping[str, Any]) -> Iterator[Rule]:
    lists = data.get("registries", {})
    if not isinstance(lists, dict) or not all(isinstance(one, dict) for one in lists.values()):
        raise TypeError("registries holds no lists of version 1")
    if lists and "registry" in data:
        raise ValueError("it mixes version 1 and version 2")
    insecure, blocked = (_hosts(lists, key) for key in ("insecure", "block"))
    for host in sorted(insecure | blocked):
        yield Rule(host, insecure=host in insecure, blocked=host in blocked)


def _tables(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TypeError(f"{key} is no list of tables")
    return found


def _hosts(lists: Mapping[str, Any], key: str) -> frozenset[str]:
    found = lists.get(key, {}).get("registries", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TypeError(f"registries.{key}.registries is no list of texts")
    return frozenset(found)


def _rule(entry: Mapping[str, Any]) -> Rule:
    location = _place(entry, "location")
    prefix = _place(entry, "prefix") or location
    if not prefix:
        raise ValueError("a [[registry]] has neither prefix nor location")
    if location and prefix.startswith("*."):
        raise ValueError(f"prefix {prefix} stands for many hosts, so location can't be set")
    usual = "digest-only" if _switch(entry, "mirror-by-digest-only") else "all"
    mirrors = tuple(_mirror(one, usual, prefix) for one in _tables(entry, "mirror"))
    return Rule(prefix, location, _switch(entry, "insecure"), _switch(entry, "blocked"), mirrors)


def _mirror(entry: Mapping[str, Any], usual: str, prefix: str) -> Mirror:
    location, when = _place(entry, "location"), entry.get("pull-from-mirror", usual)
    if not location:
        raise ValueError(f"a mirror of {prefix} has no location")
    if when not in _WHEN:
        raise ValueError(f"pull-from-mirror is one of {', '.join(_WHEN)}, not {when!r}")
    if usual not in {when, "all"}:
        raise ValueError(f"{prefix}: mirror-by-digest-only and pull-from-mirror exclude each other")
    return Mirror(location, _switch(entry, "insecure"), when)


def _place(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str) or "://" in value or value != value.strip():
        raise ValueError(f"{key} is HOST[:PORT][/PATH], without a scheme, not {value!r}")
    return value.rstrip("/")


def _switch(entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise TypeError(f"{key} is true or false, not {value!r}")
    return value
