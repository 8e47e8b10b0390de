"""From a Kubefile to what the bundle will be: all decided, and all of it in the store."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bundler.builder.build.launching import launch_of
from bundler.builder.build.phases import Clock
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.sources import Sources, opened_sources
from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.discover import discover
from bundler.builder.discovery.finds import Discovery
from bundler.builder.discovery.report import remarks, rules_for
from bundler.builder.images.layout import Layout, lay_out
from bundler.builder.images.resolve import resolve_images
from bundler.builder.images.staged import take_images
from bundler.builder.kubefile.runfile import RunFile
from bundler.builder.lib.progress import ByName, Progress
from bundler.builder.lock.collect import Taking, collect
from bundler.builder.lock.compare import changes
from bundler.builder.lock.model import Inputs, place
from bundler.builder.model.spec import (
    BundleSpec,
    Identity,
    SpecBase,
    SpecContent,
    identify,
    placed,
    tree_contents,
)
from bundler.builder.model.via import check_via
from bundler.builder.oci.model import ImageRequest, ResolvedImage, parse_source
from bundler.builder.packages import (
    PackageOptions,
    PackageRequest,
    SuitePackages,
    resolve_packages,
)
from bundler.builder.packages.inherited import Kept, keep
from bundler.builder.runtime.helm_library import helm_content
from bundler.builder.stage.evaluate import evaluate
from bundler.builder.stage.load import Loaded, load_chain, with_base
from bundler.builder.stage.state import KUBERNETES_LABEL, ImageWish, Staged
from bundler.builder.tree.tree import Tree
from bundler.core.errors import BundlerError, Problem, Problems
from bundler.core.index import AppKind


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
    request: BuildRequest, chain: tuple[Loaded, ...], store: Store, progress: Progress, clock: Clock
) -> Resolved:
    """Decide what the bundle will be, and bring all of it into the store.

    chain: what `check` gave for this order. Raises BundlerError, Problems.
    """
    with opened_sources(request, store, progress) as sources:
        with clock.phase("stage"):
            chain = with_base(chain, sources.bases, request.platform)
            staged = evaluate(chain, sources.context)
            identity = identify(staged.labels, request.context.resolve().name)
        with clock.phase("images"):
            images = _images(staged, identity, sources)
        with clock.phase("packages"):
            kept = _kept(staged, progress)
            packages = _packages(sources, kept.requests)
    spec = BundleSpec(
        identity=identity,
        platform=str(request.platform),
        labels=staged.labels,
        env=staged.env,
        apps=placed(staged),
        launch=staged.launch,
        commands=staged.commands,
        kube_versions=staged.kube_versions,
        images=images.layout.images,
        packages=(*kept.packages, *(package for each in packages for package in each.packages)),
        contents=_contents(staged, images, kept, packages, sources),
        base=_base(chain[0].base),
    )
    _check_via(spec, request)
    taking = Taking(
        sources.context.files,
        sources.charts,
        images.resolved,
        images.found.found,
        packages,
        staged.packages,
    )
    inputs = collect(chain, request.catalogue.root, taking)
    return Resolved(spec, images.tree, inputs, images.found, packages)


@dataclass(frozen=True, slots=True)
class _Images:
    """The bundle's images. tree: the stage without those it held itself."""

    tree: Tree
    found: Discovery
    resolved: tuple[ResolvedImage, ...]
    layout: Layout


def _images(staged: Staged, identity: Identity, sources: Sources) -> _Images:
    """Find what the stage, its apps and IMAGE lines name, and pull it. Says what nobody decided on."""
    request, store, progress = sources.request, sources.store, sources.progress
    supplied, tree = take_images(staged.tree, store, request.platform)
    found = discover(
        tree,
        store,
        helm=SdkHelm(),
        launch=launch_of(staged, tree, store, identity.kubernetes),
        rules=rules_for(request.context, request.ignored),
    )
    for problem in found.check():
        progress.say(f"warning: {problem}")
    wanted = asked(staged.images)
    images = resolve_images(
        (*wanted, *found.requests()),
        store=store,
        platform=request.platform,
        registries=sources.registries,
        progress=ByName(progress),
        supplied=(*staged.inherited.images, *supplied),
        pinned=sources.pinned.images,
    )
    for line in remarks(found, wanted, images, request.kubefile):
        progress.say(line)
    return _Images(tree, found, images, lay_out(images, store))


def _contents(
    staged: Staged, images: _Images, kept: Kept, packages: Iterable[SuitePackages], sources: Sources
) -> tuple[SpecContent, ...]:
    """Every member of the bundle, by path."""
    contents = (
        *tree_contents(images.tree),
        *_image_files(images.layout),
        *(SpecContent(path, blob) for path, blob in kept.files),
        *_package_files(packages),
        *_helm(staged, sources.request, sources.store),
    )
    return tuple(sorted(contents, key=lambda content: content.path))


def _check_via(spec: BundleSpec, request: BuildRequest) -> None:
    """Hold the versions that an upgrade passes through against what the bundle has. Raises Problems."""
    check_via(
        spec.labels,
        spec.identity.kubernetes,
        frozenset(content.path for content in spec.contents),
        frozenset(image.name for image in spec.images),
        request.kubefile,
    )


def as_locked(request: BuildRequest, resolved: Resolved, progress: Progress) -> Resolved:
    """See how the build fits its lock. Raises Problems where it must fit and doesn't."""
    path = place(request.kubefile)
    different = changes(request.lock.inputs(str(request.platform)), resolved.inputs)
    if request.locked and different:
        raise Problems(tuple(change.problem(str(path)) for change in different))
    if request.lock.platforms and different:
        progress.say(
            f"warning: {path} differs from this build in {len(different)} inputs; "
            "`bundler lock` brings it up to date"
        )
    return resolved


def check(request: BuildRequest) -> tuple[Loaded, ...]:
    """Read the Kubefile and its bases, once, before anything costs time; no registry is asked.

    Raises BundlerError and Problems.
    """
    return load_chain(
        request.kubefile,
        request.context,
        request.catalogue,
        platform=request.platform,
        build_args=request.build_args,
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


def _base(run: RunFile | None) -> SpecBase | None:
    return None if run is None else SpecBase(run.index.name, run.index.version, run.seal)


def _kept(staged: Staged, progress: Progress) -> Kept:
    """What stays of the packages of a .run that the Kubefile is FROM."""
    base = staged.inherited
    asked = (PackageRequest(wish.suite, (wish.name,), wish.location, wish.line) for wish in staged.packages)
    kept = keep(base.packages, base.package_files, tuple(asked))
    for suite in kept.anew:
        progress.say(f"note: PACKAGE {suite} adds to {base.name}, so all of {suite} is resolved again")
    return kept


def _packages(sources: Sources, requests: tuple[PackageRequest, ...]) -> tuple[SuitePackages, ...]:
    request = sources.request
    return resolve_packages(
        requests,
        store=sources.store,
        fetcher=sources.fetcher,
        options=PackageOptions(
            platform=request.platform,
            now=time.time(),
            sources=request.sources,
            offline=request.offline,
            refresh=request.refresh,
            at_once=request.jobs,
            pinned=sources.pinned.closures,
        ),
        progress=sources.progress,
    )


def _helm(staged: Staged, request: BuildRequest, store: Store) -> Iterator[SpecContent]:
    """Helm itself, where there is a chart to install."""
    if _wants_helm(staged):
        yield helm_content(request.platform, request.helm, store)


def _wants_helm(staged: Staged) -> bool:
    """Where there are charts; without Kubernetes for manifests, too: Helm brings them onto other clusters."""
    alone = KUBERNETES_LABEL not in staged.labels
    kinds = {AppKind.HELM, AppKind.KUBE} if alone else {AppKind.HELM}
    return any(app.kind in kinds for app in staged.apps)


def _image_files(layout: Layout) -> Iterator[SpecContent]:
    return (SpecContent(file.path, file.blob, compressed=file.compressed) for file in layout.files)


def _package_files(packages: Iterable[SuitePackages]) -> Iterator[SpecContent]:
    return (SpecContent(path, blob) for each in packages for path, blob in each.files)
