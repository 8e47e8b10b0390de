"""From a Kubefile to what the bundle will be: all decided, and all of it in the store."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bundler.builder.artifact.bases import RegistryBases
from bundler.builder.build.launching import launch_of
from bundler.builder.build.phases import Clock
from bundler.builder.build.request import Order
from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.charts.supply import ChartSupply
from bundler.builder.discovery.discover import discover
from bundler.builder.discovery.finds import Discovery
from bundler.builder.discovery.report import remarks, rules_for
from bundler.builder.images.layout import Layout, lay_out
from bundler.builder.images.resolve import resolve_images
from bundler.builder.images.staged import take_images
from bundler.builder.kubefile.runfile import Bases, RunFile
from bundler.builder.lib.progress import ByName, Progress
from bundler.builder.lock.collect import Taking, collect
from bundler.builder.lock.compare import changes
from bundler.builder.lock.model import Inputs, place
from bundler.builder.lock.pins import Pins, pins
from bundler.builder.model.lifetime import outlived
from bundler.builder.model.spec import Base, BundleSpec, Content, identify, placed, tree_contents
from bundler.builder.net.fetch import Fetcher
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, parse_source
from bundler.builder.packages import (
    PackageOptions,
    PackageRequest,
    SuitePackages,
    resolve_packages,
)
from bundler.builder.packages.inherited import Kept, keep
from bundler.builder.runtime.helm_library import helm_content
from bundler.builder.stage.build_context import Workshop
from bundler.builder.stage.evaluate import evaluate
from bundler.builder.stage.load import Loaded, load_chain, with_base
from bundler.builder.stage.state import ImageWish, Staged
from bundler.builder.tree.tree import Tree
from bundler.core.errors import BundlerError, Problem, Problems
from bundler.core.index import AppKind
from bundler.core.oci import Platform


@dataclass(frozen=True, slots=True)
class Resolved:
    """All that was decided and brought into the store.

    tree: the stage, images taken out. inputs: what a lock says of this build.
    """

    spec: BundleSpec
    tree: Tree
    inputs: Inputs
    found: Discovery
    packages: tuple[SuitePackages, ...]


def resolve(
    order: Order, chain: tuple[Loaded, ...], store: Store, progress: Progress, clock: Clock
) -> Resolved:
    """Decide what the bundle will be, and bring all of it into the store.

    chain: what `check` gave for this order. Raises BundlerError, Problems.
    """
    platform = Platform.parse(order.platform)
    pinned = pins(order.lock.inputs(order.platform))
    with (
        Fetcher(
            store,
            mirrors=order.mirrors,
            progress=progress,
            offline=order.offline,
            logins=order.logins,
        ) as fetcher,
        RegistryBases(store, _registries(order), pinned.bases, progress) as bases,
    ):
        charts = ChartSupply(store, fetcher, _registries(order), SdkHelm(), progress, pinned.charts)
        workshop = _workshop(order, charts, bases, pinned)
        with clock.phase("stage"):
            chain = with_base(chain, bases, order.platform)
            staged = evaluate(chain, workshop)
            identity = identify(staged.labels, order.context.resolve().name)
            if warning := outlived(identity.kubernetes, datetime.now(UTC).date()):
                progress.say(f"warning: {warning}")
        with clock.phase("images"):
            supplied, tree = take_images(staged.tree, store, platform)
            found = discover(
                tree,
                store,
                helm=SdkHelm(),
                launch=launch_of(staged, tree, store, identity.kubernetes),
                rules=rules_for(order.context, order.ignored),
            )
            for problem in found.check():
                progress.say(f"warning: {problem}")
            wanted = asked(staged.images)
            images = resolve_images(
                (*wanted, *found.requests()),
                store=store,
                platform=platform,
                registries=_registries(order),
                progress=ByName(progress),
                supplied=(*staged.inherited.images, *supplied),
                pinned=pinned.images,
            )
            for line in remarks(found, wanted, images, order.kubefile):
                progress.say(line)
            layout = lay_out(images, store)
        with clock.phase("packages"):
            kept = _kept(staged, progress)
            packages = _packages(order, kept.requests, workshop, fetcher, pinned)
    contents = (
        *tree_contents(tree),
        *_image_files(layout),
        *(Content(path, blob) for path, blob in kept.files),
        *_package_files(packages),
        *_helm(staged, order, store),
    )
    spec = BundleSpec(
        identity=identity,
        platform=order.platform,
        labels=staged.labels,
        env=staged.env,
        apps=placed(staged),
        launch=staged.launch,
        commands=staged.commands,
        kube_versions=staged.kube_versions,
        images=layout.images,
        packages=(*kept.packages, *(package for each in packages for package in each.packages)),
        contents=tuple(sorted(contents, key=lambda content: content.path)),
        base=_base(chain[0].base),
    )
    taking = Taking(workshop.files, charts, images, found.found, packages, staged.packages)
    return Resolved(spec, tree, collect(chain, order.catalogue.root, taking), found, packages)


def as_locked(order: Order, resolved: Resolved, progress: Progress) -> Resolved:
    """See how the build fits its lock. Raises Problems where it must fit and doesn't."""
    path = place(order.kubefile)
    different = changes(order.lock.inputs(order.platform), resolved.inputs)
    if order.locked and different:
        raise Problems(tuple(change.problem(str(path)) for change in different))
    if order.lock.platforms and different:
        progress.say(
            f"warning: {path} differs from this build in {len(different)} inputs; "
            "`bundler lock` brings it up to date"
        )
    return resolved


def check(order: Order) -> tuple[Loaded, ...]:
    """Read the Kubefile and its bases, once, before anything costs time; no registry is asked.

    Raises BundlerError and Problems.
    """
    return load_chain(
        order.kubefile,
        order.context,
        order.catalogue,
        platform=order.platform,
        build_args=order.build_args,
    )


def _workshop(order: Order, charts: ChartSupply, bases: Bases, pinned: Pins) -> Workshop:
    return Workshop(
        store=charts.store,
        fetcher=charts.fetcher,
        catalogue=order.catalogue,
        platform=order.platform,
        build_args=order.build_args,
        progress=charts.progress,
        log_file=order.log_file,
        charts=charts,
        bases=bases,
        pinned_files=pinned.files,
    )


def _registries(order: Order) -> RegistryOptions:
    return RegistryOptions(
        order.insecure,
        at_once=order.jobs,
        offline=order.offline,
        mirrors=order.mirrors,
        signatures=order.signatures,
    )


def asked(wishes: Iterable[ImageWish]) -> tuple[ImageRequest, ...]:
    """IMAGE lines as requests. Raises Problems for all words that name no image."""
    requests: list[ImageRequest] = []
    problems: list[Problem] = []
    for wish in wishes:
        try:
            source = parse_source(wish.reference, wish.context)
        except BundlerError as error:
            problems.append(Problem(wish.location, "image-name", error.what, error.fix, wish.line))
            continue
        why = (f"IMAGE in {wish.location}",)
        requests.append(ImageRequest(source, why, wish.location, wish.signatures))
    if problems:
        raise Problems(tuple(problems))
    return tuple(requests)


def _base(run: RunFile | None) -> Base | None:
    return None if run is None else Base(run.index.name, run.index.version, run.seal)


def _kept(staged: Staged, progress: Progress) -> Kept:
    """What stays of the packages of a .run that the Kubefile is FROM."""
    base = staged.inherited
    asked = (PackageRequest(wish.suite, (wish.name,), wish.location, wish.line) for wish in staged.packages)
    kept = keep(base.packages, base.package_files, tuple(asked))
    for suite in kept.anew:
        progress.say(f"note: PACKAGE {suite} adds to {base.name}, so all of {suite} is resolved anew")
    return kept


def _packages(
    order: Order, requests: tuple[PackageRequest, ...], workshop: Workshop, fetcher: Fetcher, pinned: Pins
) -> tuple[SuitePackages, ...]:
    return resolve_packages(
        requests,
        store=workshop.store,
        fetcher=fetcher,
        options=PackageOptions(
            platform=order.platform,
            now=time.time(),
            sources=order.sources,
            offline=order.offline,
            refresh=order.refresh,
            at_once=order.jobs,
            pinned=pinned.closures,
        ),
        progress=workshop.progress,
    )


def _helm(staged: Staged, order: Order, store: Store) -> Iterator[Content]:
    """Helm itself, where there is a chart to install."""
    if any(app.kind is AppKind.HELM for app in staged.apps):
        yield helm_content(order.platform, order.helm, store)


def _image_files(layout: Layout) -> Iterator[Content]:
    return (Content(file.path, file.blob, compressed=file.compressed) for file in layout.files)


def _package_files(packages: Iterable[SuitePackages]) -> Iterator[Content]:
    return (Content(path, blob) for each in packages for path, blob in each.files)
