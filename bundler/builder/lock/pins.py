"""A lock's inputs in the form that each part of the build takes its pins in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bundler.builder.charts.reference import ChartReference
from bundler.builder.charts.supply import ChartPins, Taken
from bundler.builder.lock.model import Inputs, PackagePin, SuitePin
from bundler.builder.packages.closure import Closure, PackageFile
from bundler.builder.store import Blob
from bundler.core.digest import Digest


@dataclass(frozen=True, slots=True)
class Pins:
    """files: by URL. images: by full name, but for those out of local archives. closures: by suite."""

    files: Mapping[str, Digest] = field(default_factory=dict)
    charts: ChartPins = field(default_factory=ChartPins)
    images: Mapping[str, Digest] = field(default_factory=dict)
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
        files={pin.url: pin.digest for pin in inputs.files},
        charts=ChartPins(charts, {pin.range: pin.version for pin in inputs.ranges}),
        images={pin.reference: pin.digest for pin in inputs.images if pin.source == "registry"},
        closures={pin.suite: _closure(pin) for pin in inputs.suites},
    )


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
