"""FROM oci://…: bundles in registries as bases. Only what the store lacks is fetched, nothing is kept twice.

A bundle's seal and index are parts of their own, which the store keeps. They tell which members are missing
and in which parts these lie; those come to their places in a file of the cache, as they do when a bundle is
pulled, and the file goes once its members are in the store. So bundles that share content share it here, too.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Self

from bundler.builder.artifact.model import RunArtifact
from bundler.builder.artifact.partial_download import PartialDownload
from bundler.builder.artifact.transfer import fetch, locate, receive
from bundler.builder.cache.store import Blob, Store
from bundler.builder.kubefile.runfile import RunFile, run_file
from bundler.builder.lib.progress import Progress
from bundler.builder.oci.client import RegistryClient, RegistryOptions
from bundler.builder.oci.offline import Offline
from bundler.builder.oci.pinned import Pinned
from bundler.core.archive import Bundle
from bundler.core.archive import seal as seals
from bundler.core.archive.recipes import Recipes
from bundler.core.archive.seal import Seal
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.oci import Descriptor, Platform
from bundler.core.reference import Reference

_KIND = "base-run"  # kind of lock: who fetches this bundle
_TOLD = ("index", "recipes")  # how the sections are called that tell what a bundle holds


@dataclass(frozen=True, slots=True)
class _Head:
    """What says what a bundle holds. parts: of its seal and its index; archive: where members count from."""

    artifact: RunArtifact
    parts: dict[int, Descriptor]
    archive: int
    recipes: Recipes

    def stretches(self, members: Sequence[Member], index: Index) -> Iterator[tuple[int, int]]:
        """Where in the file lies what these members are read from: (offset, length)."""
        for member in members:
            recipe = self.recipes.members.get(member.path)
            paths = [source.path for source in recipe.sources if not source.base] if recipe else [member.path]
            for each in map(index.member, paths):
                if each is not None:
                    yield self.archive + each.offset, each.length


class RegistryBases:
    """The bases of one build; what a name means is asked once. A context manager, which ends all connections.

    pins: what a lock has settled: manifests by the bundle's full name.
    """

    def __init__(
        self, store: Store, options: RegistryOptions, pins: Mapping[str, Digest], progress: Progress
    ) -> None:
        self._store = store
        self._options = options
        self._pins = pins
        self._progress = progress
        self._client: RegistryClient | None = None
        self._found: dict[tuple[Reference, Platform], RunFile] = {}
        self._heads: dict[Digest, _Head] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    @cached_property
    def _streams(self) -> RegistryClient | Offline:
        """Made when it is needed: most builds have no base in a registry, and certificates take time."""
        if self._options.offline:
            return Offline(self._store)
        self._client = RegistryClient(self._options)
        return self._client

    @property
    def _source(self) -> Pinned:
        return Pinned(self._streams, self._pins, self._store)

    def find(self, ref: Reference, platform: Platform) -> RunFile:
        """See `Bases.find`. Raises BundlerError (NOT_FOUND, NETWORK, TRUST, INTEGRITY, UNSUPPORTED)."""
        if (ref, platform) not in self._found:
            with _named(ref):
                artifact = locate(self._source, ref, platform, self._store)
                self._found[ref, platform] = self._read(ref, artifact, platform)
        return self._found[ref, platform]

    @contextmanager
    def opened(self, base: RunFile, members: Sequence[Member]) -> Iterator[Bundle]:
        """See `Bases.opened`. Builds that need one bundle at the same time fetch it one after the other."""
        manifest, ref = base.manifest, base.origin
        if manifest is None or not isinstance(ref, Reference):
            raise TypeError("not a bundle of a registry")
        head = self._heads[manifest]
        with self._store.alone(_KIND, manifest.hex, lambda: self._progress.say(f"another build has {ref}")):
            missing = [each for each in members if self._store.find(each.digest, each.size) is None]
            parts = head.parts | _covering(head.artifact, list(head.stretches(missing, base.index)))
            with PartialDownload(self._store.root / "partial" / f"{manifest.hex}.run", head.artifact) as file:
                self._receive(ref, file, parts)
                with Bundle.open(file.path) as bundle:
                    yield bundle
                file.discard()

    def _read(self, ref: Reference, artifact: RunArtifact, platform: Platform) -> RunFile:
        """What its last bytes say of it."""
        text = self._bytes(ref, artifact, artifact.size - seals.LENGTH, seals.TEXT)
        seal = Seal.parse(text, file_size=artifact.size)
        stretches = [(one.offset, one.length) for one in seal.sections if one.name.startswith(_TOLD)]
        parts = _covering(artifact, [(seal.offset, seals.LENGTH), *stretches])
        self._fetch(ref, parts)
        with self._store.scratch() as folder, PartialDownload(folder / "head", artifact) as file:
            self._receive(ref, file, parts)
            with Bundle.open(file.path) as bundle:
                run, recipes = run_file(bundle, platform), bundle.recipes
        manifest = artifact.descriptor.digest
        self._heads[manifest] = _Head(artifact, parts, seal.section("archive").offset, recipes)
        return replace(run, origin=ref, manifest=manifest)

    def _fetch(self, ref: Reference, parts: Mapping[int, Descriptor]) -> None:
        """Into the store."""
        missing = [each for each in _unique(parts) if self._store.find(each.digest, each.size) is None]
        if missing:
            fetch(self._source, ref, missing, self._store, self._options.at_once, self._progress)

    def _receive(self, ref: Reference, file: PartialDownload, parts: Mapping[int, Descriptor]) -> None:
        """To their places in a file."""
        jobs = self._options.at_once
        receive(self._streams, ref, file, _unique(parts), self._store, jobs, self._progress)

    def _bytes(self, ref: Reference, artifact: RunArtifact, offset: int, length: int) -> bytes:
        """A few bytes of the file; the parts that hold them are in the store then."""
        if offset < 0 or offset + length > artifact.size:
            raise BundlerError(
                "the bundle is damaged",
                where=ref,
                why=f"it has only {artifact.size} bytes",
                code=ExitCode.INTEGRITY,
                fix="push it again from the .run that it was made of",
            )
        parts = _covering(artifact, [(offset, length)])
        self._fetch(ref, parts)
        data = b""
        for start, part in parts.items():
            place = start  # parts may be large, where somebody else has cut the file
            for chunk in self._store.chunks(Blob(part.digest, part.size), name=f"{ref} ({part.digest})"):
                data += chunk[max(0, offset - place) : max(0, offset + length - place)]
                place += len(chunk)
        return data


def _covering(artifact: RunArtifact, stretches: Sequence[tuple[int, int]]) -> dict[int, Descriptor]:
    """The parts that hold any of these bytes (offset, length), by where they start."""
    starts = list(accumulate((part.size for part in artifact.parts[:-1]), initial=0))
    numbers: set[int] = set()
    for offset, length in stretches:
        numbers.update(range(bisect_right(starts, offset) - 1, bisect_left(starts, offset + length)))
    return {starts[number]: artifact.parts[number] for number in sorted(numbers)}


@contextmanager
def _named(ref: Reference) -> Iterator[None]:
    """Let errors name the bundle, not the file of the cache that it was read in."""
    try:
        yield
    except BundlerError as error:
        if error.where is None or isinstance(error.where, Path):
            raise error.revised(where=ref) from error
        raise


def _unique(parts: Mapping[int, Descriptor]) -> tuple[Descriptor, ...]:
    return tuple({part.digest: part for part in parts.values()}.values())
