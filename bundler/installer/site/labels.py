"""Labels and taints of nodes as people write them, held against the rules of Kubernetes. Pure."""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
ROLE: Final = "node-role.kubernetes.io"
_OURS: Final = frozenset({f"{ROLE}/control-plane", f"{ROLE}/master"})


def key_fault(key: str) -> str:
    """What is wrong with a label's or a taint's key; "" for nothing."""
    prefix, slash, name = key.rpartition("/")
    if slash and not _PREFIX.fullmatch(prefix):
        return f"the prefix of {key[:80]!r} is no domain name in lower case"
    if not _NAME.fullmatch(name):
        return (
            f"{key[:80]!r} is no key: letters, digits, `-`, `_` and `.`, at most 63, behind `PREFIX/` if any"
        )
    return ""


def value_fault(value: str) -> str:
    """What is wrong with a value."""
    if value and not _NAME.fullmatch(value):
        return f"{value[:80]!r} is no value: letters, digits, `-`, `_` and `.`, at most 63"
    return ""


def label_fault(key: str, value: str) -> str:
    """What is wrong with a label."""
    if key in _OURS:
        return f"{key} follows from `roles`"
    return key_fault(key) or value_fault(value)


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint that a node has, or (gone) must not have. effect: "" for every effect of a gone one."""

    key: str
    effect: str
    value: str = ""
    gone: bool = False

    def __str__(self) -> str:
        return f"{self.key}{f'={self.value}' if self.value else ''}:{self.effect}"

    @property
    def texts(self) -> frozenset[str]:
        """As nodes show them; a gone one of every effect is three."""
        effects = (self.effect,) if self.effect else EFFECTS
        return frozenset(str(Taint(self.key, effect, self.value)) for effect in effects)


def parse_taint(text: str) -> Taint:
    """From `KEY=VALUE:EFFECT`, `KEY:EFFECT`, and with a `-` behind for one that goes, `KEY-` too.

    Raises ValueError whose text says what is wrong.
    """
    gone = text.endswith("-")
    pair, colon, effect = text.removesuffix("-").partition(":")
    key, _, value = pair.partition("=")
    if why := key_fault(key) or value_fault(value):
        raise ValueError(why)
    if not colon and not gone:
        raise ValueError(f"{text[:80]!r} has no effect: KEY=VALUE:EFFECT with {', '.join(EFFECTS)}")
    if colon and effect not in EFFECTS:
        raise ValueError(f"{effect[:80]!r} is no effect: {', '.join(EFFECTS)}")
    return Taint(key, effect, value, gone)


def same_place(taint: str) -> str:
    """Key and effect of a taint as a node shows it: a node has one value there."""
    pair, _, effect = taint.rpartition(":")
    return f"{pair.partition('=')[0]}:{effect}"
