"""A bill of materials in no format yet: the parts of a bundle, and which part holds which. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.builder.sbom.licences import Licence, licence
from bundler.builder.sbom.model import Finds, Gap, Kind, Package, Packages, readable
from bundler.builder.sbom.purl import of_os_package, of_package, purl
from bundler.core.digest import Digest
from bundler.core.index import Image, OsPackage
from bundler.core.reference import Reference

_KUBERNETES_PROGRAMS = "k8s.io/kubernetes/cmd"
_IMAGE_BLOBS = "images/blobs/"  # these are listed as images


class Sort(Enum):
    """What a part is; the value stands in SPDX's identifiers."""

    PRODUCT = "product"
    IMAGE = "image"
    CHART = "chart"
    FILE = "file"
    PACKAGE = "package"
    INSTALLER = "installer"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing in the bundle.

    ref: names it in this bill. paths: where it was found, in the bundle or in an image. properties: pairs,
    several may have one name. gaps: why the list of what it holds may not be complete.
    """

    ref: str
    sort: Sort
    name: str
    version: str = ""
    purl: str = ""
    digest: Digest | None = None
    licences: tuple[Licence, ...] = ()
    paths: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """product: the bundle itself. parts: all else, by ref. holds: ref → refs, the product's own included.

    created: seconds since the epoch, None where nobody says.
    """

    product: Part
    parts: tuple[Part, ...]
    holds: Mapping[str, tuple[str, ...]]
    created: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A Helm chart among the bundle's files; `folder`: its path, or that of its .tgz."""

    folder: str
    name: str
    version: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the scans brought.

    images: by the image's name; layers: their digests, the lowest first, by the same. staged: in the bundle's
    own files, paths as members have them. packages: in an OS package, by its path; licences: of it, likewise.
    frozen: in the installer.
    """

    images: Mapping[str, Finds] = field(default_factory=dict)
    layers: Mapping[str, Sequence[Digest]] = field(default_factory=dict)
    staged: Finds = field(default_factory=lambda: Finds(()))
    packages: Mapping[str, Finds] = field(default_factory=dict)
    licences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
    chart_gaps: tuple[Gap, ...] = ()
    frozen: Finds = field(default_factory=lambda: Finds(()))


def compile_bill(
    spec: BundleSpec, found: Found, *, installer: Digest, version: str, created: int | None
) -> Bill:
    """The bill of a bundle.

    installer: digest of the frozen installer's archive; version: bundler's.
    """
    maker = _Maker(spec, found)
    return maker.bill(installer, version, created)


class _Maker:
    """Gathers parts; a package that is found in many places is one part."""

    def __init__(self, spec: BundleSpec, found: Found) -> None:
        self._spec = spec
        self._found = found
        self._parts: dict[str, Part] = {}
        self._holds: dict[str, set[str]] = {}
        self._charts = {chart.folder: _chart(chart) for chart in found.charts}
        self._staged = {fact.path: fact for fact in found.staged.facts if isinstance(fact, Packages)}
        self._gaps = {gap.path: gap.why for gap in (*found.staged.gaps, *found.chart_gaps)}
        self._product = Part(
            f"product:{spec.identity.name}@{spec.identity.version}",
            Sort.PRODUCT,
            spec.identity.name,
            spec.identity.version,
            properties=(("bundler:platform", spec.platform),),
        )

    def bill(self, installer: Digest, version: str, created: int | None) -> Bill:
        """All of it."""
        name = "bundler-installer"
        gaps = _scan_notes(self._found.frozen)
        own = Part("installer", Sort.INSTALLER, name, version, digest=installer, gaps=gaps)
        self._put(own, self._product.ref)
        self._inside(own.ref, self._found.frozen)
        for folder, chart in self._charts.items():
            self._put(chart, self._holder(folder))
        contents = {content.path: content for content in self._spec.contents}
        for package in self._spec.packages:
            self._os_package(package, contents.pop(package.path))
        for content in contents.values():
            if not content.path.startswith(_IMAGE_BLOBS):
                self._file(content)
        for image in self._spec.images:
            self._image(image)
        holds = {ref: tuple(sorted(refs)) for ref, refs in sorted(self._holds.items())}
        return Bill(self._product, tuple(part for _, part in sorted(self._parts.items())), holds, created)

    def _put(self, part: Part, holder: str) -> None:
        known = self._parts.get(part.ref)
        self._parts[part.ref] = _joined(known, part) if known else part
        self._holds.setdefault(holder, set()).add(part.ref)

    def _file(self, content: SpecContent) -> None:
        gap = self._gaps.get(content.path)
        part = Part(
            f"file:{content.path}",
            Sort.FILE,
            content.path,
            digest=content.blob.digest,
            gaps=(gap,) if gap else (),
        )
        self._put(part, self._holder(content.path))
        if (fact := self._staged.get(content.path)) is not None:
            for package in fact.packages:
                self._put(_package(self._dated(package), content.path), part.ref)

    def _dated(self, package: Package) -> Package:
        """Kubernetes' own builds don't tell their version, but the bundle does."""
        if package.version or package.namespace != _KUBERNETES_PROGRAMS:
            return package
        return replace(package, version=self._spec.identity.kubernetes)

    def _holder(self, path: str) -> str:
        """The innermost chart around a file, else the product."""
        folder = path.rpartition("/")[0]
        while folder:
            if (chart := self._charts.get(folder)) is not None:
                return chart.ref
            folder = folder.rpartition("/")[0]
        return self._product.ref

    def _os_package(self, package: OsPackage, content: SpecContent) -> None:
        found = self._found.packages.get(package.path, Finds(()))
        ref = of_os_package(package)
        part = Part(
            ref,
            Sort.PACKAGE,
            package.name,
            package.version,
            purl=ref,
            digest=content.blob.digest,
            licences=_licences(self._found.licences.get(package.path, ())),
            paths=(package.path,),
            gaps=_scan_notes(found),
        )
        self._put(part, self._product.ref)
        self._inside(ref, found)

    def _image(self, image: Image) -> None:
        found = self._found.images.get(image.name, Finds(()))
        layers = self._found.layers.get(image.name, ())
        part = Part(
            f"image:{image.name}",
            Sort.IMAGE,
            image.name,
            str(image.digest),
            purl=_image_purl(image, self._spec.platform),
            digest=image.digest,
            properties=tuple(("bundler:layer", str(digest)) for digest in layers),
            gaps=_scan_notes(found),
        )
        self._put(part, self._product.ref)
        self._inside(part.ref, found)

    def _inside(self, holder: str, found: Finds) -> None:
        for fact in found.facts:
            if isinstance(fact, Packages):
                for package in fact.packages:
                    self._put(_package(package, fact.path), holder)


def _package(package: Package, path: str) -> Part:
    ref = of_package(package)
    between = ":" if package.kind is Kind.MAVEN else "/"
    name = between.join(part for part in (package.namespace, package.name) if part)
    properties = (("bundler:source-package", package.source),) if package.source else ()
    return Part(
        ref,
        Sort.PACKAGE,
        name,
        package.version,
        purl=ref,
        licences=_licences(package.licences),
        paths=(readable(path),),
        properties=properties,
    )


def _joined(one: Part, other: Part) -> Part:
    """The same package, found twice: all paths, and what either states."""
    return replace(
        one,
        digest=one.digest or other.digest,
        licences=tuple(sorted({*one.licences, *other.licences})),
        paths=tuple(sorted({*one.paths, *other.paths})),
        properties=tuple(sorted({*one.properties, *other.properties})),
        gaps=tuple(sorted({*one.gaps, *other.gaps})),
    )


def _chart(chart: Chart) -> Part:
    return Part(
        f"chart:{chart.folder}",
        Sort.CHART,
        chart.name,
        chart.version,
        purl=purl("helm", chart.name, chart.version),
        licences=_licences((chart.licence,) if chart.licence else ()),
        paths=(chart.folder,),
    )


def _image_purl(image: Image, platform: str) -> str:
    reference = Reference.parse(image.name)
    return purl(
        "oci",
        reference.repository.rpartition("/")[2],
        str(image.digest),
        qualifiers={
            "arch": platform.partition("/")[2],
            "repository_url": f"{reference.registry}/{reference.repository}",
            "tag": reference.tag or "",
        },
    )


def _licences(stated: Iterable[str]) -> tuple[Licence, ...]:
    return tuple(sorted({licence(text) for text in stated if text.strip()}))


def _scan_notes(finds: Finds) -> tuple[str, ...]:
    return tuple(readable(": ".join(part for part in (gap.path, gap.why) if part)) for gap in finds.gaps)
