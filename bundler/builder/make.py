"""The pipeline: one Kubefile in, one .run out. Each step hands its result to the next."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bundler.builder.artifact.bases import RegistryBases
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.charts.supply import ChartSupply
from bundler.builder.fetch import Fetcher
from bundler.builder.frames import StoredFrames
from bundler.builder.freeze import freeze, stub_template
from bundler.builder.given import check_runtime
from bundler.builder.helmlib import helm_content
from bundler.builder.images.discover import Discovery, discover
from bundler.builder.images.layout import Layout, lay_out
from bundler.builder.images.model import ImageRequest, parse_source
from bundler.builder.images.registry import RegistryOptions
from bundler.builder.images.resolve import resolve_images
from bundler.builder.images.staged import take_images
from bundler.builder.images.told import remarks, rules_for
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.kubefile.runfile import Bases, RunFile
from bundler.builder.lock.collect import Taking, collect
from bundler.builder.lock.compare import changes
from bundler.builder.lock.model import Inputs, Lock, place
from bundler.builder.lock.pins import Pins, pins
from bundler.builder.logins import Logins
from bundler.builder.mirrors import Mirrors
from bundler.builder.packages import (
    PackageOptions,
    PackageRequest,
    PackageSources,
    SuitePackages,
    resolve_packages,
)
from bundler.builder.packages.inherited import Kept, keep
from bundler.builder.progress import ByName, Counted, Progress, Transfer, transferring
from bundler.builder.report import Made, Phase
from bundler.builder.sbom.account import accounted
from bundler.builder.shrink.model import Layer, Shrunk
from bundler.builder.shrink.shrink import shrink
from bundler.builder.shrink.told import saving
from bundler.builder.spec import Base, BundleSpec, Content, identify, placed, tree_contents
from bundler.builder.stage.evaluate import evaluate
from bundler.builder.stage.load import Loaded, load_chain
from bundler.builder.stage.state import ImageWish, Staged
from bundler.builder.stage.tree import Tree
from bundler.builder.stage.workshop import Workshop
from bundler.builder.store import Store
from bundler.core.archive import BundleWriter
from bundler.core.archive.bases import opened
from bundler.core.archive.deflate import inflated
from bundler.core.archive.frames import LEVEL
from bundler.core.archive.parts import part_size
from bundler.core.archive.recipes import Content as MemberContent
from bundler.core.archive.writer import Signer
from bundler.core.digest import Digest, read_chunks
from bundler.core.errors import BundlerError, Problem, Problems
from bundler.core.index import AppKind
from bundler.core.oci import Platform


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built.

    context: the folder that COPY takes from. target: the .run, or None for NAME.run in the current
    folder; suffix: behind that NAME, `-arm64` where there are several.
    platform: `linux/amd64`. insecure: registries (`HOST:PORT`) that are spoken to over plain HTTP.
    logins: for files and chart repositories.
    ignored: patterns of images that manifests name and the bundle shall not have. signatures: bring what
    registries keep beside images.
    sources: where PACKAGE finds packages. runtime: a frozen installer (.tar.gz) to use in place of one made
    here. helm: Helm's library in place of the one that is installed here. jobs: transfers at once. offline:
    use nothing but the cache. refresh: resolve OS packages anew, however fresh the cache is. log_file: the
    whole story, told when a RUN fails. signer: whose signature the .run gets, None for none. created: the
    date in the bills of materials, seconds since the epoch, None for none. lock: what inputs are pinned to,
    lock_digest: of its file. locked: fail where the lock doesn't say exactly what the build takes. split:
    make parts of less than that many bytes, None for one file. base: a .run that the site has; only what
    changed since goes in. with_installer: and the installer, even where that has the same. recompress: layers
    without their gzip, where that can be made again. level: zstd's.
    """

    kubefile: Path
    context: Path
    catalogue: Catalogue
    target: Path | None = None
    platform: str = "linux/amd64"
    build_args: Mapping[str, str] = field(default_factory=dict)
    insecure: frozenset[str] = frozenset()
    mirrors: Mirrors = field(default_factory=Mirrors)
    logins: Logins = field(default_factory=Logins)
    ignored: tuple[str, ...] = ()
    signatures: bool = False
    sources: PackageSources = field(default_factory=PackageSources)
    runtime: Path | None = None
    helm: Path | None = None
    jobs: int = 4
    offline: bool = False
    refresh: bool = False
    log_file: Path | None = None
    signer: Signer | None = None
    created: int | None = None
    lock: Lock = field(default_factory=Lock)
    lock_digest: Digest | None = None
    locked: bool = False
    split: int | None = None
    suffix: str = ""
    base: Path | None = None
    with_installer: bool = False
    recompress: bool = False
    level: int = LEVEL


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


def make(order: Order, store: Store, progress: Progress) -> Made:
    """Build a .run. Raises BundlerError and Problems; the target is then left as it was."""
    clock = Clock(progress)
    Platform.parse(order.platform)
    check(order)
    with clock.phase("installer"):  # first: where it can't be made, that shall be known before a long RUN
        runtime = installer(order, store, progress)
    spec = as_locked(order, resolve(order, store, progress, clock), progress).spec
    with clock.phase("bill of materials"):
        spec = account(order, spec, runtime, store, progress)
    target = order.target or Path(f"{spec.identity.name}{order.suffix}.run")
    shrunk = _shrunk(order, spec, runtime, store, progress, clock)
    with clock.phase("assemble"):
        form = Form(target, runtime, order.level, order.split, order.signer)
        written = write(spec, shrunk, form, store=store, progress=progress)
    parts = parts_of(written.size, order.split)
    return Made(target, written.size, spec, tuple(clock.phases), parts, saving(shrunk, written.layers))


def _shrunk(
    order: Order, spec: BundleSpec, runtime: Path, store: Store, progress: Progress, clock: "Clock"
) -> Shrunk:
    if order.base is None and not order.recompress:
        return Shrunk.whole(spec)
    with clock.phase("shrink"), ExitStack() as stack:
        base = stack.enter_context(opened(order.base)).of(order.platform) if order.base else None
        shrunk = shrink(spec, store, progress, base=base, recompress=order.recompress)
        borrow = base is not None and not order.with_installer and _is_same(base.runtime, runtime)
        return replace(shrunk, borrow=borrow)


def _is_same(there: MemberContent, file: Path) -> bool:
    with file.open("rb") as stream:
        return Digest.of_file(stream) == there.digest


def installer(order: Order, store: Store, progress: Progress) -> Path:
    """The frozen installer. Raises what `check_runtime` and `freeze` do."""
    if order.runtime is None:
        return freeze(order.platform, store.root, log=progress.log)
    check_runtime(order.runtime, order.platform)
    return order.runtime


def account(order: Order, spec: BundleSpec, runtime: Path, store: Store, progress: Progress) -> BundleSpec:
    """The spec with its bills of materials. Raises what `accounted` does."""
    return accounted(
        spec, store, runtime=runtime, progress=progress, lock=order.lock_digest, created=order.created
    )


def parts_of(size: int, split: int | None) -> int:
    """How many parts a .run of so many bytes has."""
    return 1 if split is None else -(-size // part_size(split))


def resolve(order: Order, store: Store, progress: Progress, clock: "Clock") -> Resolved:
    """Decide what the bundle will be, and bring all of it into the store. Raises BundlerError, Problems."""
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
            chain = check(order, bases)
            staged = evaluate(order.kubefile, order.context, workshop)
            identity = identify(staged.labels, order.context.resolve().name)
        with clock.phase("images"):
            supplied, tree = take_images(staged.tree, store, platform)
            found = discover(
                tree,
                store,
                helm=SdkHelm(),
                kube_version=identity.kubernetes,
                value_sets=staged.value_sets,
                rules=rules_for(order.context, order.ignored),
            )
            for problem in found.check():
                progress.say(f"warning: {problem}")
            asked = _asked(staged.images)
            images = resolve_images(
                (*asked, *found.requests()),
                store=store,
                platform=platform,
                registries=_registries(order),
                progress=ByName(progress),
                supplied=(*staged.inherited.images, *supplied),
                pinned=pinned.images,
            )
            for line in remarks(found, asked, images, order.kubefile):
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


def check(order: Order, bases: Bases | None = None) -> tuple[Loaded, ...]:
    """Read the Kubefile and its bases, so that a slip costs no time. Raises BundlerError and Problems.

    bases: brings those that lie in registries; without, nobody is asked.
    """
    return load_chain(
        order.kubefile,
        order.context,
        order.catalogue,
        platform=order.platform,
        build_args=order.build_args,
        bases=bases,
    )


@dataclass(frozen=True, slots=True)
class Form:
    """How a .run is written, and where to; runtime: the frozen installer. The others are as in `Order`."""

    target: Path
    runtime: Path
    level: int = LEVEL
    split: int | None = None
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of the .run, and of the frames of its recompressed layers."""

    size: int
    layers: int


def write(spec: BundleSpec, shrunk: Shrunk, form: Form, *, store: Store, progress: Progress) -> Written:
    """Write the .run. Raises BundlerError (INTEGRITY, SPACE, INPUT, TRUST)."""
    form.target.parent.mkdir(parents=True, exist_ok=True)
    layers = 0
    with (
        BundleWriter(
            form.target,
            stub=stub_template(),
            runtime=form.runtime,
            frames=StoredFrames(store),
            level=form.level,
            split=form.split,
            base=shrunk.base,
            borrow=shrunk.borrow,
        ) as writer,
        transferring(progress, form.target.name, shrunk.size) as transfer,
    ):
        add_contents(writer, shrunk.contents, store, transfer)
        for layer in shrunk.layers:
            layers += _write_layer(layer, writer, store)
            transfer.advance(layer.content.size)
        for each in shrunk.derived:
            blob = each.content.blob
            writer.derive(
                each.content.path, each.recipe, size=blob.size, digest=blob.digest, mode=each.content.mode
            )
        seal = writer.finish(spec.index(), sign=form.signer)
    return Written(seal.file_size, layers)


def _write_layer(layer: Layer, writer: BundleWriter, store: Store) -> int:
    """The bytes that a layer takes without its gzip."""
    content = inflated(store.chunks(layer.packed, name=layer.path), layer.path)
    return writer.add(
        layer.path,
        content,
        size=layer.content.size,
        digest=layer.content.digest,
        compressed=False,
        long=True,
    ).length


def add_contents(writer: BundleWriter, contents: Iterable[Content], store: Store, transfer: Transfer) -> None:
    """Add each to the archive. Raises BundlerError (INTEGRITY, SPACE)."""
    for content in contents:
        counted = Counted(transfer)
        with store.reading(content.blob, name=content.path) as stream:
            writer.add(
                content.path,
                counted.passed(read_chunks(stream)),
                size=content.blob.size,
                digest=content.blob.digest,
                mode=content.mode,
                compressed=content.compressed,
            )
        transfer.advance(content.blob.size - counted.bytes)  # what the cache had compressed already


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


def _asked(wishes: Iterable[ImageWish]) -> tuple[ImageRequest, ...]:
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


class Clock:
    """Tells each phase to the progress, and keeps how long it took. of: which platform, of several."""

    def __init__(self, progress: Progress, of: str = "") -> None:
        self._progress = progress
        self._of = of
        self.phases: list[Phase] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The time within counts for `name`."""
        name = f"{name} {self._of}".rstrip()
        self._progress.begin(name)
        start = time.monotonic()
        yield
        self.phases.append(Phase(name, time.monotonic() - start))
