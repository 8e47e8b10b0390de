"""The pipeline: one Kubefile in, one .run out. Each step hands its result to the next."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bundler.builder.build.assemble import Form, write
from bundler.builder.build.phases import Clock
from bundler.builder.build.report import Made
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.resolve import as_locked, resolve
from bundler.builder.cache.store import Store
from bundler.builder.delta.model import Shrunk
from bundler.builder.lib.progress import Progress
from bundler.builder.model.spec import BundleSpec
from bundler.builder.runtime.freeze import freeze
from bundler.builder.runtime.prebuilt import check_runtime
from bundler.builder.sbom.account import accounted
from bundler.builder.stage.load import Loaded
from bundler.core.archive.bases import opened
from bundler.core.archive.parts import part_size
from bundler.core.archive.recipes import MemberContent
from bundler.core.digest import Digest


def make(request: BuildRequest, chain: tuple[Loaded, ...], store: Store, progress: Progress) -> Made:
    """Build a .run; chain: what `check` gave for this order.

    Raises BundlerError and Problems; the target is then left as it was.
    """
    clock = Clock(progress)
    with clock.phase("installer"):  # first: where it can't be made, that shall be known before a long RUN
        runtime = installer(request, store, progress)
    spec = as_locked(request, resolve(request, chain, store, progress, clock), progress).spec
    with clock.phase("bill of materials"):
        spec = account(request, spec, runtime, store, progress)
    target = request.target or Path(f"{spec.identity.name}{request.suffix}.run")
    shrunk = _shrunk(request, spec, runtime, store, progress, clock)
    with clock.phase("assemble"):
        form = Form(target, runtime, request.level, request.split, request.signer)
        written = write(spec, shrunk, form, store=store, progress=progress)
    parts = parts_of(written.size, request.split)
    notes = _shrink_notes(shrunk, written.layers)
    signed = request.signer is not None
    return Made(target, written.size, spec, tuple(clock.phases), parts, notes, signed)


def _shrunk(
    request: BuildRequest, spec: BundleSpec, runtime: Path, store: Store, progress: Progress, clock: Clock
) -> Shrunk:
    if request.base is None and not request.recompress:
        return Shrunk.whole(spec)
    from bundler.builder.delta.shrink import shrink  # noqa: PLC0415  (most builds do without)

    with clock.phase("shrink"), ExitStack() as stack:
        base = stack.enter_context(opened(request.base)).of(str(request.platform)) if request.base else None
        shrunk = shrink(spec, store, progress, base=base, recompress=request.recompress)
        borrow = base is not None and not request.with_installer and _is_same(base.runtime, runtime)
        return replace(shrunk, borrow=borrow)


def _shrink_notes(shrunk: Shrunk, layers: int) -> tuple[str, ...]:
    if shrunk.base is None and not (shrunk.derived or shrunk.stubborn):
        return ()
    from bundler.builder.delta.report import saving  # noqa: PLC0415  (as above)

    return saving(shrunk, layers)


def _is_same(there: MemberContent, file: Path) -> bool:
    with file.open("rb") as stream:
        return Digest.of_file(stream) == there.digest


def installer(request: BuildRequest, store: Store, progress: Progress) -> Path:
    """The frozen installer. Raises what `check_runtime` and `freeze` do."""
    if request.runtime is None:
        return freeze(request.platform, store.root, log=progress.log)
    check_runtime(request.runtime, request.platform)
    return request.runtime


def account(
    request: BuildRequest, spec: BundleSpec, runtime: Path, store: Store, progress: Progress
) -> BundleSpec:
    """The spec with its bills of materials. Raises what `accounted` does."""
    return accounted(
        spec, store, runtime=runtime, progress=progress, lock=request.lock_digest, created=request.created
    )


def parts_of(size: int, split: int | None) -> int:
    """How many parts a .run of so many bytes has."""
    return 1 if split is None else -(-size // part_size(split))
