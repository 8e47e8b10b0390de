"""Scans done and kept: layers, images, OS packages and the bundle's own files, each once for its digest."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from bundler.builder.cache.store import Blob, Store
from bundler.builder.lib.decompress import most_scanned
from bundler.builder.lib.parallel import Stop, run_all
from bundler.builder.lib.progress import Progress, Transfer, transferring
from bundler.builder.lib.tarstream import TarContent as Stream
from bundler.builder.model.spec import ROOT, SpecContent
from bundler.builder.sbom import examine, records
from bundler.builder.sbom.layer import Layer, scan
from bundler.builder.sbom.merge import completed, merged, stated_licences
from bundler.builder.sbom.model import FORM, Finds, Gap, Packages
from bundler.builder.sbom.ospackage import scan_package
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError
from bundler.core.index import Image, OsPackage, canonical
from bundler.core.oci import MAX_MANIFEST, Descriptor, Manifest, parse_manifest

_LAYER, _IMAGE, _STAGED = "sbom-layer", "sbom-image", "sbom-staged"
_MANIFESTS = "images/blobs/sha256/"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inside:
    """What OS packages hold and what licences they state, by their paths in the bundle."""

    finds: Mapping[str, Finds]
    licences: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Scanner:
    """Scans what lies in the store and remembers it there.

    Its methods raise BundlerError (INTEGRITY, NOT_FOUND, SPACE) for what the store has lost or can't keep.

    at_once: threads; unpacking runs beside Python in each.
    """

    store: Store
    progress: Progress
    at_once: int = os.cpu_count() or 1

    def layers_of(self, image: Image, contents: Mapping[str, SpecContent]) -> tuple[Descriptor, ...]:
        """The layers of an image, the lowest first."""
        layers: list[Descriptor] = []
        for digest in image.manifests:
            content = contents[f"{_MANIFESTS}{digest.hex}"]
            if content.blob.size <= MAX_MANIFEST:
                raw = b"".join(self.store.chunks(content.blob, name=image.name))
                manifest = parse_manifest(raw, "", image.name)
                layers += manifest.layers if isinstance(manifest, Manifest) else ()
        return tuple(layers)

    def images(self, layers: Mapping[str, Sequence[Descriptor]]) -> dict[str, Finds]:
        """What each image holds, by its name."""
        keys = {name: _key([str(layer.digest) for layer in each]) for name, each in layers.items()}
        known = {name: self._recalled(_IMAGE, key) for name, key in keys.items()}
        missing = [name for name, finds in known.items() if finds is None]
        wanted = {layer.digest: layer.size for name in missing for layer in layers[name]}
        scanned = self.layers(tuple(Blob(digest, size) for digest, size in wanted.items()))
        found = {name: finds for name, finds in known.items() if finds is not None}
        for name in missing:
            found[name] = merged([scanned[layer.digest] for layer in layers[name]])
            self.store.remember(_IMAGE, keys[name], records.from_finds(found[name]))
        return found

    def layers(self, blobs: Sequence[Blob], *, of_packages: bool = False) -> dict[Digest, Layer]:
        """Layers by their digests. of_packages: the blobs are .debs and .rpms; what they unpack to counts."""
        found: dict[Digest, Layer] = {}
        todo: list[Blob] = []
        for blob in blobs:
            if (known := self.store.recall(_LAYER, _key([str(blob.digest)]))) is not None:
                found[blob.digest] = records.to_layer(known)
            else:
                todo.append(blob)
        todo.sort(key=lambda blob: -blob.size)  # the longest first, so that none is left for the end
        total = sum(blob.size for blob in todo)
        with (
            self.store.scratch() as scratch,
            transferring(self.progress, "bill of materials", total) as told,
        ):
            work = [partial(self._scanned, blob, scratch, told, of_package=of_packages) for blob in todo]
            found |= zip((blob.digest for blob in todo), _all(work, self.at_once), strict=True)
        return found

    def _scanned(self, blob: Blob, scratch: Path, told: Transfer, *, of_package: bool) -> Layer:
        chunks = _counted(self.store.chunks(blob, name=str(blob.digest)), told)
        look = scan_package if of_package else scan
        layer = look(chunks, limit=most_scanned(blob.size), scratch=scratch)
        self.store.remember(_LAYER, _key([str(blob.digest)]), records.from_layer(layer))
        return layer

    def packages(self, packages: Sequence[OsPackage], contents: Mapping[str, SpecContent]) -> Inside:
        """What is inside OS packages, and the licences that they state."""
        blobs = {package.path: contents[package.path].blob for package in packages}
        scanned = self.layers(tuple(dict.fromkeys(blobs.values())), of_packages=True)
        layers = {path: scanned[blob.digest] for path, blob in blobs.items()}
        licences = stated_licences(fact for layer in layers.values() for fact in layer.finds.facts)
        return Inside(
            {path: Finds(completed(each.finds.facts), each.finds.gaps) for path, each in layers.items()},
            {package.path: licences.get(package.name, ()) for package in packages},
        )

    def staged(self, contents: Sequence[SpecContent]) -> Finds:
        """Programs, jars and the like below `root/` and `runtime/` (Helm); paths as members have them."""
        mine = [content for content in contents if content.path.startswith((f"{ROOT}/", "runtime/"))]
        key = _key([[content.path, str(content.blob.digest), content.mode] for content in mine])
        if (known := self._recalled(_STAGED, key)) is not None:
            return known
        with self.store.scratch() as scratch:
            several = _all([partial(self._examined, content, scratch) for content in mine], self.at_once)
        facts = tuple(fact for each in several for fact in each.facts if isinstance(fact, Packages))
        finds = Finds(facts, tuple(gap for each in several for gap in each.gaps))
        self.store.remember(_STAGED, key, records.from_finds(finds))
        return finds

    def _examined(self, content: SpecContent, scratch: Path) -> Finds:
        path = content.path.removeprefix(f"{ROOT}/")
        stream = Stream(self.store.chunks(content.blob, name=content.path), content.blob.size)
        try:
            fact = examine.examine(path, content.mode, stream, scratch)
        except examine.UNREADABLE as error:
            return Finds((), (Gap(content.path, str(error)),))
        return Finds((Packages(content.path, fact.packages),) if isinstance(fact, Packages) else ())

    def _recalled(self, kind: str, key: str) -> Finds | None:
        known = self.store.recall(kind, key)
        return None if known is None else records.to_finds(known)


def _key(what: object) -> str:
    return canonical([FORM, what]).decode()


def _counted(chunks: Iterable[bytes], told: Transfer) -> Iterator[bytes]:
    for chunk in chunks:
        told.advance(len(chunk))
        yield chunk


def _all(work: Sequence[Callable[[], T]], at_once: int) -> list[T]:
    """All results. Raises the first BundlerError."""
    done: list[T] = []
    for result in run_all(work, at_once, Stop()):
        if isinstance(result, BundlerError):
            raise result
        done.append(result)
    return done
