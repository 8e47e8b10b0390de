"""Where a build's content comes from: files, charts, registries and bases, each pinned as the lock says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bundler.builder.artifact.bases import RegistryBases
from bundler.builder.build.request import BuildRequest
from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.charts.supply import ChartSupply
from bundler.builder.kubefile.runfile import Bases
from bundler.builder.lib.progress import Progress
from bundler.builder.lock.pins import Pins, pins
from bundler.builder.net.fetch import Fetcher
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.stage.build_context import BuildContext


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a build's content comes from while it is resolved, pinned as its lock says."""

    request: BuildRequest
    store: Store
    progress: Progress
    pinned: Pins
    registries: RegistryOptions
    fetcher: Fetcher
    bases: RegistryBases
    charts: ChartSupply
    context: BuildContext


@contextmanager
def opened_sources(request: BuildRequest, store: Store, progress: Progress) -> Iterator[Sources]:
    """Connections that are opened when they are first needed, and closed at the end."""
    pinned = pins(request.lock.inputs(str(request.platform)))
    registries = _registries(request)
    with (
        Fetcher(
            store,
            mirrors=request.mirrors,
            progress=progress,
            offline=request.offline,
            logins=request.logins,
        ) as fetcher,
        RegistryBases(store, registries, pinned.bases, progress) as bases,
    ):
        charts = ChartSupply(store, fetcher, registries, SdkHelm(), progress, pinned.charts)
        context = _build_context(request, charts, bases, pinned)
        yield Sources(request, store, progress, pinned, registries, fetcher, bases, charts, context)


def _build_context(request: BuildRequest, charts: ChartSupply, bases: Bases, pinned: Pins) -> BuildContext:
    return BuildContext(
        store=charts.store,
        fetcher=charts.fetcher,
        catalogue=request.catalogue,
        platform=request.platform,
        build_args=request.build_args,
        progress=charts.progress,
        log_file=request.log_file,
        charts=charts,
        bases=bases,
        pinned_files=pinned.files,
    )


def _registries(request: BuildRequest) -> RegistryOptions:
    return RegistryOptions(
        request.insecure,
        at_once=request.jobs,
        offline=request.offline,
        mirrors=request.mirrors,
        signatures=request.signatures,
    )
