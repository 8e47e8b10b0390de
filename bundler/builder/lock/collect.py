"""What a build took, as a lock's inputs. Pure but for reading the bases' Kubefiles."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from bundler.builder.charts.supply import ChartSupply, Taken
from bundler.builder.discovery.finds import FoundImage
from bundler.builder.lock.model import (
    ChartPin,
    FilePin,
    ImagePin,
    Inputs,
    KubefilePin,
    PackagePin,
    RangePin,
    SuitePin,
)
from bundler.builder.oci.model import ResolvedImage
from bundler.builder.oci.referrers import pins_of
from bundler.builder.packages import SuitePackages
from bundler.builder.stage.build_context import TakenFile
from bundler.builder.stage.load import Loaded, all_files
from bundler.builder.stage.state import PackageWish
from bundler.core.digest import Digest

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Names:
    """What Kubefiles are called in a lock, wherever they lie on this machine; pairs of path and name."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, chain: Sequence[Loaded], catalogue: Path) -> "Names":
        """Of a Kubefile, the last one, and its bases."""
        top = chain[-1].path.resolve().parent
        pairs = [
            (one.kubefile.source.file, _name(one.path, top, catalogue.resolve())) for one in all_files(chain)
        ]
        return cls(tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair))))

    def told(self, why: str) -> str:
        """A reason, `ADD in PATH:LINE:COLUMN`, as `ADD in NAME:LINE`."""
        for path, name in self.pairs:
            found = re.search(f" in {re.escape(path)}:([0-9]+)(:[0-9]+)?", why)
            if found:
                return f"{why[: found.start()]} in {name}:{found[1]}{why[found.end() :]}"
        return why


@dataclass(frozen=True, slots=True)
class Taking:
    """All that a build took: files by URL, charts, images with those who name them, packages."""

    files: Sequence[TakenFile]
    charts: ChartSupply
    images: Sequence[ResolvedImage]
    found: Sequence[FoundImage]
    packages: Sequence[SuitePackages]
    wishes: Sequence[PackageWish]


def collect(chain: Sequence[Loaded], catalogue: Path, taking: Taking) -> Inputs:
    """The inputs, sorted; `catalogue`: its folder. Raises OSError for a base that vanished meanwhile."""
    names = Names.of(chain, catalogue)
    return Inputs(
        kubefiles=tuple(sorted(_bases(names, chain, catalogue))),
        files=tuple(_file(names, url, each) for url, each in _grouped(taking.files, lambda one: one.url)),
        charts=tuple(
            _chart(names, name, each)
            for name, each in _grouped(taking.charts.taken, lambda one: str(one.chart))
        ),
        ranges=tuple(RangePin(*each) for each in sorted(taking.charts.settled.items())),
        images=_images(names, taking.images, taking.found),
        suites=tuple(_suite(names, each, taking.wishes) for each in taking.packages),
    )


def _bases(names: Names, chain: Sequence[Loaded], catalogue: Path) -> Iterator[KubefilePin]:
    called = dict(names.pairs)
    if (run := chain[0].base) is not None:
        top = chain[-1].path.resolve().parent
        name = _name(run.origin, top, catalogue.resolve()) if isinstance(run.origin, Path) else run.name
        why = names.told(f"FROM in {chain[0].rest[0].location}")
        yield KubefilePin(name, run.seal, (why,), str(run.manifest) if run.manifest else "")
    for one, builds_on in pairwise(chain):
        base = called[one.kubefile.source.file].removesuffix("/Kubefile")
        start = builds_on.rest[0].location
        why = names.told(f"FROM in {start}")
        yield KubefilePin(base, Digest.of(one.path.read_bytes()), (why,))
    for loaded in chain:
        for block in loaded.blocks:
            name = called[block.kubefile.source.file].removesuffix("/Kubefile")
            why = f"INCLUDE in {called[loaded.kubefile.source.file]}"
            yield KubefilePin(name, Digest.of(block.path.read_bytes()), (why,))


def _file(names: Names, url: str, taken: Sequence[TakenFile]) -> FilePin:
    blob = taken[0].blob
    return FilePin(url, blob.digest, blob.size, _whys(names, (each.why for each in taken)))


def _chart(names: Names, reference: str, taken: Sequence[Taken]) -> ChartPin:
    first = taken[0]
    return ChartPin(
        reference=reference,
        digest=first.blob.digest,
        size=first.blob.size,
        url=first.url,
        manifest=first.manifest,
        why=_whys(names, (each.why for each in taken)),
    )


def _images(
    names: Names, images: Iterable[ResolvedImage], found: Iterable[FoundImage]
) -> tuple[ImagePin, ...]:
    by_name = dict(_grouped(found, lambda one: str(one.reference)))
    pins = (
        ImagePin(
            reference=image.name,
            source="file" if image.local else "registry",
            digest=Digest.parse(image.top) if image.top else image.root.digest,
            manifest=_manifest(image),
            why=_image_whys(names, image, by_name.get(image.name, ())),
            attached=tuple(f"{tag} {digest}" for tag, digest in pins_of(image)),
            signatures=image.signatures,
        )
        for image in images
    )
    return tuple(sorted(pins))


def _manifest(image: ResolvedImage) -> Digest:
    """Of the image itself: behind the index, where it is pinned to one."""
    return image.manifests[-1].digest


def _image_whys(names: Names, image: ResolvedImage, found: Sequence[FoundImage]) -> tuple[str, ...]:
    """IMAGE lines, and where manifests and charts name it: more exactly than the image itself says."""
    less = {one.why for one in found}
    asked = [why for why in image.why if why not in less]
    exact = [place_of(one) for one in found]
    return _whys(names, (*asked, *exact)) or ("images/ of the build context",)


def place_of(found: FoundImage) -> str:
    """Where a manifest or a template names an image: `FILE:LINE: KIND/NAME PATH`."""
    own = found.location.line and found.location.file == found.file  # not a line of what Helm wrote
    line = f":{found.location.line}" if own else ""
    return f"{found.file}{line}: {found.path}"


def _suite(names: Names, made: SuitePackages, wishes: Iterable[PackageWish]) -> SuitePin:
    suite = str(made.suite)
    asked: dict[str, list[str]] = {}
    for wish in wishes:
        if wish.suite == suite:
            asked.setdefault(wish.name.partition("=")[0], []).append(f"PACKAGE in {wish.location}")
    packages = (
        PackagePin(
            suite=suite,
            package=each.name,
            version=each.version,
            architecture=each.architecture,
            archive=each.archive,
            path=each.path,
            digest=each.digest,
            size=each.size,
            requested=each.requested,
            why=_whys(names, asked.get(each.name, ())),
        )
        for each in made.closure.packages
    )
    return SuitePin(suite, made.closure.requested, made.closure.indexes, tuple(sorted(packages)))


def _whys(names: Names, whys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({names.told(why) for why in whys}))


def _grouped(items: Iterable[_T], key: Callable[[_T], str]) -> Iterator[tuple[str, list[_T]]]:
    groups: dict[str, list[_T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    yield from sorted(groups.items())


def _name(path: Path, top: Path, catalogue: Path) -> str:
    path = path.resolve()
    if path.is_relative_to(catalogue):
        return path.relative_to(catalogue).as_posix()
    return Path(os.path.relpath(path, top)).as_posix()
