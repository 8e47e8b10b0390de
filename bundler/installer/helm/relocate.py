"""Manifests whose images are somewhere else: their names are replaced in any text. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from bundler.core.errors import BundlerError
from bundler.core.reference import Reference

# A word that may be a name: `quay.io/a/b:1`, behind `--image=` too, as `=` and quotes are no part of it.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*[A-Za-z0-9]")
# A name without registry and tag means an image only where it stands under a key that says so.
_BARE = re.compile(
    r"""(?m)^([ \t-]*["']?image["']?:[ \t]*["']?)([a-z0-9][a-z0-9._/-]*)(?=["']?[ \t]*(?:#.*)?$)"""
)


@dataclass(frozen=True, slots=True)
class Relocated:
    """A text and the images, by their full old names, that it names."""

    text: str
    met: frozenset[str]


def relocate(text: str, names: Mapping[str, str]) -> Relocated:
    """The text with each name of an image replaced; names: full name → new one."""
    met: set[str] = set()
    ends = frozenset(_end(name) for name in names)

    def new(word: str) -> str:
        full = _full(word) if _end(word) in ends else ""
        if full not in names:
            return word
        met.add(full)
        return names[full]

    def tagged(found: re.Match[str]) -> str:
        word = found[0]
        return new(word) if ":" in word or "@" in word else word

    once = _BARE.sub(lambda found: f"{found[1]}{new(found[2])}", text)
    return Relocated(_WORD.sub(tagged, once), frozenset(met))


def _end(name: str) -> str:
    """The last part of the path, without tag and digest: quickly compared."""
    return name.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]


@lru_cache(maxsize=4096)
def _full(word: str) -> str:
    try:
        return str(Reference.parse(word))
    except BundlerError:
        return ""
