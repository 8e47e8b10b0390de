"""One .run for several platforms: each is resolved like a bundle of its own, then all are written as one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.builder.build.assemble import Form, add_contents
from bundler.builder.build.phases import Clock
from bundler.builder.build.pipeline import account, installer, parts_of
from bundler.builder.build.report import Made
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.resolve import as_locked, resolve
from bundler.builder.cache.store import Store
from bundler.builder.images.combine import combined
from bundler.builder.lib.progress import Progress, transferring
from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.builder.stage.load import Loaded
from bundler.core.archive.platforms import Edition, check_platforms, tar_names
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import united


@dataclass(frozen=True, slots=True)
class Joined:
    """All platforms together. contents: under their names in the tar; names: of each platform, by path."""

    specs: tuple[BundleSpec, ...]
    contents: tuple[SpecContent, ...]
    names: tuple[dict[str, str], ...]

    @property
    def whole(self) -> BundleSpec:
        """All as if it were one bundle, to tell people what it holds."""
        packages = dict.fromkeys(package for spec in self.specs for package in spec.packages)
        return replace(
            self.specs[0],
            platform=", ".join(spec.platform for spec in self.specs),
            images=united(image for spec in self.specs for image in spec.images),
            packages=tuple(packages),
            contents=self.contents,
        )


def make_universal(
    orders: Sequence[BuildRequest], chains: Sequence[tuple[Loaded, ...]], store: Store, progress: Progress
) -> Made:
    """Build one .run for all orders, which differ in platform, runtime and Helm's library only.

    chains: what `check` gave for each order.

    Raises BundlerError and Problems; the target is then left as it was.
    """
    clock = Clock(progress)
    check_platforms([str(request.platform) for request in orders])
    with clock.phase("installer"):
        runtimes = [installer(request, store, progress) for request in orders]
    specs = [
        _resolved(request, chain, store, progress, clock)
        for request, chain in zip(orders, chains, strict=True)
    ]
    check_alike(specs)
    shared = combined(specs, store)
    with clock.phase("bill of materials"):
        specs = [
            account(request, having(spec, shared), runtime, store, progress)
            for request, spec, runtime in zip(orders, specs, runtimes, strict=True)
        ]
    first, joined = orders[0], join(specs)
    target = first.target or Path(f"{specs[0].identity.name}.run")
    with clock.phase("assemble"):
        form = Form(target, runtimes[0], first.level, first.split, first.signer)
        size = _write(joined, form, runtimes[1:], store, progress)
    parts, signed = parts_of(size, first.split), first.signer is not None
    return Made(target, size, joined.whole, tuple(clock.phases), parts, signed=signed)


def _resolved(
    request: BuildRequest, chain: tuple[Loaded, ...], store: Store, progress: Progress, clock: Clock
) -> BundleSpec:
    own = Clock(progress, str(request.platform))
    found = as_locked(request, resolve(request, chain, store, progress, own), progress)
    clock.phases += own.phases
    return found.spec


def check_alike(specs: Sequence[BundleSpec]) -> None:
    """See that all are one product. Raises BundlerError (INPUT)."""
    first, *others = specs
    for spec in others:
        one, other = first.identity, spec.identity
        if (one.name, one.version) != (other.name, other.version):
            raise BundlerError(
                f"one file can't be {one.name} {one.version} and {other.name} {other.version}",
                why=f"that is what the labels say for {first.platform} and for {spec.platform}",
                code=ExitCode.INPUT,
                fix="let title and version be the same for all platforms, or leave --universal out",
            )


def having(spec: BundleSpec, more: Sequence[SpecContent]) -> BundleSpec:
    """The spec with further contents."""
    contents = sorted((*spec.contents, *more), key=lambda content: content.path)
    return replace(spec, contents=tuple(contents))


def join(specs: Sequence[BundleSpec]) -> Joined:
    """What is written: the first platform's contents, then what each further one has besides."""
    platforms = [spec.platform for spec in specs]
    known = [{each.path: (each.blob.digest, each.mode) for each in spec.contents} for spec in specs]
    names = tar_names(platforms, known)
    contents: dict[str, SpecContent] = {}
    for spec, of in zip(specs, names, strict=True):
        for each in spec.contents:
            contents.setdefault(of[each.path], replace(each, path=of[each.path]))
    return Joined(tuple(specs), tuple(contents.values()), names)


def _write(joined: Joined, form: Form, runtimes: Sequence[Path], store: Store, progress: Progress) -> int:
    """Write the .run and give its size in bytes; runtimes: of further platforms. Raises as `write`."""
    meta, *others = (spec.index() for spec in joined.specs)
    further = tuple(map(Edition, others, runtimes, joined.names[1:]))
    with (
        form.writer(store) as writer,
        transferring(progress, form.target.name, joined.whole.size) as transfer,
    ):
        add_contents(writer, joined.contents, store, transfer)
        seal = writer.finish(meta, sign=form.signer, names=joined.names[0], further=further)
    return seal.file_size
