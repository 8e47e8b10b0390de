"""Plug-ins: scripts and the like at a moment of the run, and on which hosts. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bundler.core.errors import Location
from bundler.core.yamldoc import suggest
from bundler.installer.site.clusterfile.addresses import expand
from bundler.installer.site.labels import ROLE, Taint, label_fault, parse_taint


class Moment(StrEnum):
    """When a plug-in runs, in Sealer's words."""

    PRE_INSTALL = "pre-install"
    PRE_INIT_HOST = "pre-init-host"
    POST_INIT_HOST = "post-init-host"
    POST_INSTALL = "post-install"
    PRE_SCALEUP = "pre-scaleup"
    POST_SCALEUP = "post-scaleup"
    UPGRADE_HOST = "upgrade-host"
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    PRE_UNINSTALL = "pre-uninstall"
    PRE_CLEAN_HOST = "pre-clean-host"
    POST_CLEAN_HOST = "post-clean-host"
    POST_UNINSTALL = "post-uninstall"

    @property
    def of_hosts(self) -> bool:
        """Whether it is a moment of each host, not of the cluster."""
        return self.value.endswith("-host")


class PluginType(StrEnum):
    """What a plug-in is. PYTHON: a module of the bundle, named by the plug-in's own type."""

    SHELL = "SHELL"
    HOSTNAME = "HOSTNAME"
    LABEL = "LABEL"
    TAINT = "TAINT"
    CLUSTERCHECK = "CLUSTERCHECK"
    ETCD = "ETCD"
    PYTHON = "PYTHON"


# Words of Sealer before 0.9. There a moment without `on` means all hosts, not the first control plane.
OLD_MOMENTS: Final[Mapping[str, Moment]] = {
    "PreInit": Moment.PRE_INIT_HOST,
    "PreJoin": Moment.PRE_INIT_HOST,
    "PostJoin": Moment.POST_INIT_HOST,
    "PreInstall": Moment.PRE_INIT_HOST,
    "PreGuest": Moment.POST_INSTALL,
    "PostInstall": Moment.POST_INSTALL,
    "PreClean": Moment.PRE_CLEAN_HOST,
    "PostClean": Moment.POST_CLEAN_HOST,
}
_HOSTNAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_ROLES: Final = {"master": True, "control-plane": True, "node": False, "worker": False}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which hosts: roles (control planes: True), addresses, or a label. Empty: the moment's own choice."""

    control_planes: bool | None = None
    addresses: frozenset[str] = frozenset()
    label: tuple[str, str] | None = None
    everywhere: bool = False

    def fits(self, address: str, *, control_plane: bool, labels: Mapping[str, str]) -> bool:
        """Whether a host is meant."""
        if self.control_planes is not None:
            return control_plane is self.control_planes
        if self.label is not None:
            return labels.get(self.label[0]) == self.label[1]
        return not self.addresses or address in self.addresses

    @property
    def named(self) -> bool:
        """Whether anybody chose hosts."""
        return self.everywhere or self.control_planes is not None or bool(self.addresses or self.label)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plug-in. data: of SHELL the script, of HOSTNAME names by address; it may hold a password.

    module: of PYTHON, the file's name in the bundle's `plugins/`.
    """

    name: str
    type: PluginType
    moments: tuple[Moment, ...]
    scope: Scope
    data: str = field(repr=False)
    place: Location
    module: str = ""
    hostnames: Mapping[str, str] = field(default_factory=dict)


def moments(text: str) -> tuple[tuple[Moment, ...], bool]:
    """The moments of `pre-install|post-install`, and whether they are the old words. Raises ValueError."""
    found: list[Moment] = []
    old = False
    for word in (part.strip() for part in text.split("|")):
        known = OLD_MOMENTS.get(word)
        old = old or known is not None
        if known is None and word not in set(Moment):
            hint = suggest(word, (*Moment, *OLD_MOMENTS))
            raise ValueError(f"{word[:40]!r} is no moment of a run; {hint}")
        found.append(known or Moment(word))
    return tuple(dict.fromkeys(found)), old


def scope(text: str, *, everywhere: bool) -> Scope:
    """From `master`, `node`, `10.0.0.2,10.0.0.5-10.0.0.9` or `KEY=VALUE`. Raises ValueError.

    everywhere: no text means all hosts.
    """
    if not text:
        return Scope(everywhere=everywhere)
    if text in _ROLES:
        return Scope(control_planes=_ROLES[text])
    key, sign, value = text.partition("=")
    if sign:
        name = key.removeprefix(f"{ROLE}/")
        if name != key and name in _ROLES:
            return Scope(control_planes=_ROLES[name])
        if why := label_fault(key, value):
            raise ValueError(why)
        return Scope(label=(key, value))
    if text[0].isalpha() and ":" not in text:
        raise ValueError(f"{text[:60]!r} means no hosts; {suggest(text, tuple(_ROLES))}")
    return Scope(addresses=frozenset(_addresses(text)))


def lines(data: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Number, addresses and rest of each line `10.0.0.2,10.0.0.5-10.0.0.9 REST`. Raises ValueError."""
    for number, line in enumerate(data.splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        who, _, rest = text.partition(" ")
        if not rest.strip():
            raise ValueError(f"line {number} of data is not `ADDRESSES VALUE`")
        yield number, _addresses(who), rest.strip()


def hostnames(data: str) -> dict[str, str]:
    """Names by address. Raises ValueError."""
    found: dict[str, str] = {}
    for number, addresses, name in lines(data):
        if len(addresses) > 1 or not _HOSTNAME.fullmatch(name):
            raise ValueError(f"line {number} of data is not `ADDRESS NAME` with a name in lower case")
        if addresses[0] in found or name in found.values():
            raise ValueError(f"line {number} of data names {addresses[0]} or {name} a second time")
        found[addresses[0]] = name
    return found


def labels(data: str) -> dict[str, dict[str, str]]:
    """Labels by address, from `ADDRESSES KEY=VALUE,KEY=VALUE`. Raises ValueError."""
    found: dict[str, dict[str, str]] = {}
    for number, addresses, rest in lines(data):
        for pair in rest.split(","):
            key, sign, value = (part.strip() for part in pair.partition("="))
            if why := label_fault(key, value) or ("" if sign else f"{key!r} has no `=`"):
                raise ValueError(f"line {number} of data: {why}")
            for address in addresses:
                found.setdefault(address, {})[key] = value
    return found


def taints(data: str) -> dict[str, list[Taint]]:
    """Taints by address, from `ADDRESSES KEY=VALUE:EFFECT`. Raises ValueError."""
    found: dict[str, list[Taint]] = {}
    for number, addresses, rest in lines(data):
        try:
            parsed = [parse_taint(part.strip()) for part in rest.split(",")]
        except ValueError as error:
            raise ValueError(f"line {number} of data: {error}") from None
        for address in addresses:
            found.setdefault(address, []).extend(parsed)
    return found


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(address for part in text.split(",") if part.strip() for address in expand(part.strip()))
