"""A bundle made smaller, in two ways that go together.

`--base OLD.run`: what OLD has is left out; of what changed, only the changes go in. `--recompress`: layers go
in without their gzip, compressed better, where the gzip can be made again bit for bit.
"""

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from bundler.builder.cache.store import Store
from bundler.builder.delta.candidates import rivals, same
from bundler.builder.delta.changes import BlockChange, Olds, change
from bundler.builder.delta.gzips import Packed, known_gzip
from bundler.builder.delta.model import Derived, Layer, Shrunk
from bundler.builder.lib.parallel import Stop, run_all
from bundler.builder.lib.progress import Progress, Transfer, transferring
from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.core.archive.frames import is_compressed
from bundler.core.archive.reader import Bundle
from bundler.core.archive.recipes import MemberContent, Needed, Range, Recipe, RecipeSource
from bundler.core.errors import BundlerError
from bundler.core.index import Member

LAYERS: Final = "layers"  # the folder of layers without gzip, among the members

_CARRIED: Final = 1 << 14  # bytes; what is smaller goes in whole: plans read it before a site is asked
_LEAST: Final = 1 << 16  # bytes of a layer that is worth to be compressed anew
_AT_ONCE: Final = min(4, os.cpu_count() or 1)  # each takes about 100 MiB
_BLOBS: Final = "images/blobs/sha256/"
_GZIP: Final = b"\x1f\x8b"
_HEAD: Final = 32


def shrink(
    spec: BundleSpec, store: Store, progress: Progress, *, base: Bundle | None, recompress: bool
) -> Shrunk:
    """Decide how each content goes in. Raises BundlerError (INTEGRITY) where the base is damaged."""
    if base is None and not recompress:
        return Shrunk.whole(spec)
    with transferring(progress, "what changed" if base else "layers", spec.size) as transfer:
        work = _Work(spec, store, base, transfer, recompress=recompress)
        stop = Stop()
        found = run_all([partial(work.decide, each, stop) for each in spec.contents], _AT_ONCE, stop)
    for outcome in found:
        if isinstance(outcome, BundlerError):
            raise outcome
    whole = _joined(each for each in found if isinstance(each, Shrunk))
    return replace(whole, base=_needed(base, whole) if base else None)


def _needed(base: Bundle, whole: Shrunk) -> Needed:
    """The base, with the contents that are taken from it."""
    sources = {source.path for each in whole.derived for source in each.recipe.sources if source.base}
    members = map(base.member, sorted(sources))
    contents = {member.path: MemberContent(member.digest, member.size) for member in members}
    return replace(base.needed, contents=contents)


def _joined(parts: Iterable[Shrunk]) -> Shrunk:
    """All of them as one. Two contents that are the same share what they are made of."""
    contents: dict[str, SpecContent] = {}
    layers: list[Layer] = []
    derived: list[Derived] = []
    stubborn: list[SpecContent] = []
    for part in parts:
        contents.update((content.path, content) for content in part.contents)
        layers += part.layers
        derived += part.derived
        stubborn += part.stubborn
    return Shrunk(tuple(contents.values()), tuple(layers), tuple(derived), tuple(stubborn))


@dataclass(slots=True)
class _Work:
    spec: BundleSpec
    store: Store
    base: Bundle | None
    transfer: Transfer
    recompress: bool = field(kw_only=True)
    _same: Mapping[str, Member] = field(init=False)
    _rivals: Mapping[str, tuple[Member, ...]] = field(init=False)
    _olds: dict[tuple[str, ...], Olds] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        old = self.base and self.base.index
        self._same = same(self.spec, old, _CARRIED) if old else {}
        self._rivals = rivals(self.spec, old) if old else {}

    def decide(self, content: SpecContent, stop: Stop) -> Shrunk:
        """How one content goes in."""
        stop.check()
        try:
            return self._decided(content)
        finally:
            self.transfer.advance(content.blob.size)

    def _decided(self, content: SpecContent) -> Shrunk:
        if (old := self._same.get(content.path)) is not None:
            there = Range(RecipeSource(old.path, base=True), 0, old.size)
            return Shrunk(derived=(Derived(content, Recipe((there,))),))
        layer = self.recompress and content.path.startswith(_BLOBS) and content.blob.size >= _LEAST
        olds = self._rivals.get(content.path, ())
        if not (layer or olds):
            return Shrunk((content,))
        head = self._head(content)
        packed = self._packed(content) if head.startswith(_GZIP) else None
        if packed is None and is_compressed(head):
            return Shrunk((content,), stubborn=(content,))
        if olds and (changed := self._change(content, packed, olds)) is not None:
            data = (SpecContent(changed.path, changed.data, compressed=True),) if changed.data else ()
            return Shrunk(data, derived=(Derived(content, changed.recipe),))
        if layer and packed is not None:
            return _unpacked(content, packed)
        return Shrunk((content,))

    def _head(self, content: SpecContent) -> bytes:
        with self.store.open(content.blob.digest) as stream:
            return stream.read(_HEAD)

    def _packed(self, content: SpecContent) -> Packed | None:
        return known_gzip(content.blob, self.store, content.path)

    def _change(
        self, content: SpecContent, packed: Packed | None, olds: tuple[Member, ...]
    ) -> BlockChange | None:
        key = " ".join(f"{member.path} {member.digest}" for member in olds)
        return change(content.blob, packed, lambda: self._read(olds), key, self.store)

    def _read(self, members: tuple[Member, ...]) -> Olds:
        """The older contents, read once for all that look at them."""
        with self._lock:
            key = tuple(member.path for member in members)
            if key not in self._olds and self.base is not None:
                self._olds[key] = Olds(self.base, members)
            return self._olds[key]


def _unpacked(content: SpecContent, packed: Packed) -> Shrunk:
    path = f"{LAYERS}/{content.blob.digest.hex}"
    recipe = Recipe((Range(RecipeSource(path), 0, packed.content.size),), packed.how)
    return Shrunk(layers=(Layer(path, packed.content, content.blob),), derived=(Derived(content, recipe),))
