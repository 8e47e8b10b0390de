"""The documents of a bundle written: scans, then the bill, then its forms. Only when none are remembered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bundler import __version__
from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Progress
from bundler.builder.model.spec import BundleSpec
from bundler.builder.sbom.bill import Bill, Found, compile_bill
from bundler.builder.sbom.charts import charts
from bundler.builder.sbom.cyclonedx import cyclonedx
from bundler.builder.sbom.installer import frozen_packages
from bundler.builder.sbom.model import CYCLONEDX, PROVENANCE, SPDX
from bundler.builder.sbom.provenance import provenance
from bundler.builder.sbom.scans import Scanner
from bundler.builder.sbom.spdx import spdx
from bundler.core.digest import Digest


def composed(
    spec: BundleSpec,
    store: Store,
    installer: Digest,
    runtime: Path,
    progress: Progress,
    *,
    lock: Digest | None,
    created: int | None,
) -> Iterator[tuple[str, bytes]]:
    """The members to be: path and text. Options and errors are those of `account.accounted`."""
    found = replace(_found(spec, store, progress), frozen=frozen_packages(runtime))
    bill = compile_bill(spec, found, installer=installer, version=__version__, created=created)
    _tell_gaps(bill, progress)
    bills = {CYCLONEDX: cyclonedx(bill, version=__version__), SPDX: spdx(bill, version=__version__)}
    yield from bills.items()
    digests = {path: Digest.of(text) for path, text in bills.items()}
    yield PROVENANCE, provenance(spec, bill, digests, version=__version__, lock=lock)


def _tell_gaps(bill: Bill, progress: Progress) -> None:
    for part in bill.parts:
        for gap in part.gaps:
            progress.log(f"the bill of materials lacks what could not be read in {part.name}: {gap}")


def _found(spec: BundleSpec, store: Store, progress: Progress) -> Found:
    scanner = Scanner(store, progress)
    contents = {content.path: content for content in spec.contents}
    layers = {image.name: scanner.layers_of(image, contents) for image in spec.images}
    inside = scanner.packages(spec.packages, contents)
    known, gaps = charts(spec.apps, spec.contents, store)
    return Found(
        images=scanner.images(layers),
        layers={name: [layer.digest for layer in each] for name, each in layers.items()},
        staged=scanner.staged(spec.contents),
        packages=inside.finds,
        licences=inside.licences,
        charts=known,
        chart_gaps=gaps,
    )
