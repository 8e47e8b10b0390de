"""A lock's inputs in the form that each part of the build takes its pins in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bundler.builder.cache.store import Blob
from bundler.builder.charts.supply import ChartPins, Taken
from bundler.builder.kubefile.runfile import REGISTRY
from bundler.builder.lock.model import Inputs, PackagePin, SuitePin
from bundler.builder.oci.pinned import ImagePins
from bundler.builder.packages.closure import Closure, PackageFile
from bundler.core.chart_reference import ChartReference
from bundler.core.digest import Digest


@dataclass(frozen=True, slots=True)
class Pins:
    """What a lock settles.

    bases: manifests of bundles in registries, by full name. files: by URL. images: those of
    registries. closures: by suite.
    """

    bases: Mapping[str, Digest] = field(default_factory=dict)
    files: Mapping[str, Digest] = field(default_factory=dict)
    charts: ChartPins = field(default_factory=ChartPins)
    images: ImagePins = field(default_factory=ImagePins)
    closures: Mapping[str, Closure] = field(default_factory=dict)


def pins(inputs: Inputs) -> Pins:
    """What these inputs settle. Raises BundlerError (INPUT) for a chart's name that is none."""
    charts = {
        pin.reference: Taken(
            ChartReference.parse(pin.reference),
            Blob(pin.digest, pin.size),
            url=pin.url,
            manifest=pin.manifest,
        )
        for pin in inputs.charts
    }
    return Pins(
        bases={
            pin.base.removeprefix(REGISTRY): Digest.parse(pin.manifest)
            for pin in inputs.kubefiles
            if pin.manifest
        },
        files={pin.url: pin.digest for pin in inputs.files},
        charts=ChartPins(charts, {pin.range: pin.version for pin in inputs.ranges}),
        images=ImagePins(
            {pin.reference: pin.digest for pin in inputs.images if pin.source == "registry"},
            {pin.reference: tuple(map(_attached, pin.attached)) for pin in inputs.images if pin.signatures},
        ),
        closures={pin.suite: _closure(pin) for pin in inputs.suites},
    )


def _attached(text: str) -> tuple[str, Digest]:
    tag, _, digest = text.partition(" ")
    return tag, Digest.parse(digest)


def _closure(pin: SuitePin) -> Closure:
    return Closure(pin.requested, pin.indexes, tuple(sorted(_file(package) for package in pin.packages)))


def _file(pin: PackagePin) -> PackageFile:
    return PackageFile(
        name=pin.package,
        version=pin.version,
        architecture=pin.architecture,
        archive=pin.archive,
        path=pin.path,
        size=pin.size,
        digest=pin.digest,
        requested=pin.requested,
    )
