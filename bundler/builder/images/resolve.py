"""All images of a bundle at once: local ones first, then what is left from registries, four at a time.

Every image that can't be had is named before the build fails; none stops the others from being tried.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.local import read_local
from bundler.builder.lib.parallel import Stop, run_all
from bundler.builder.oci.client import RegistryClient, RegistryOptions
from bundler.builder.oci.model import ImageRequest, LocalSource, PullProgress, ResolvedImage
from bundler.builder.oci.offline import Offline
from bundler.builder.oci.pinned import ImagePins, Pinned
from bundler.builder.oci.pull import BlobSource, resolve
from bundler.builder.oci.referrers import find_attached, pinned_attached
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.oci import Descriptor, Platform
from bundler.core.reference import Reference

_RULES = {
    ExitCode.NOT_FOUND: "image-not-found",
    ExitCode.NETWORK: "image-unreachable",
    ExitCode.TRUST: "image-denied",
    ExitCode.INTEGRITY: "image-damaged",
    ExitCode.UNSUPPORTED: "image-unsupported",
}
_NO_PINS = ImagePins()
_WORST_FIRST = (ExitCode.INTEGRITY, ExitCode.TRUST, ExitCode.SPACE, ExitCode.NETWORK, ExitCode.NOT_FOUND)


def resolve_images(
    requests: Iterable[ImageRequest],
    *,
    store: Store,
    platform: Platform,
    registries: RegistryOptions,
    progress: PullProgress,
    supplied: Iterable[ResolvedImage] = (),
    pinned: ImagePins = _NO_PINS,
) -> tuple[ResolvedImage, ...]:
    """Bring every image that is asked for into the store, for one platform; sorted by name, each name once.

    supplied: images that are there already (from the stage's `images/`). A name that these or a local source
    bring is not asked of a registry. pinned: what tags mean and what is beside images, whatever registries
    say. Raises Problems that name all images that can't be had.
    """
    asked = tuple(requests)
    local = _read_local(asked, store, platform, supplied)
    wanted = _by_reference(asked)
    missing = {ref: one for ref, one in wanted.items() if not local.serves(ref)}
    pulled, failures = _pull(missing, store, platform, registries, progress, pinned)
    _fail_on((*local.problems, *failures))
    images = {**local.images, **{image.reference: image for image in pulled}}
    told = (replace(image, why=_why(image, wanted.get(ref))) for ref, image in images.items())
    return tuple(sorted(told, key=lambda image: image.name))


def check_local(
    requests: Iterable[ImageRequest],
    *,
    store: Store,
    platform: Platform,
    supplied: Iterable[ResolvedImage] = (),
) -> None:
    """Read the archives and layouts that are asked for, as `resolve_images` does. Raises Problems."""
    _fail_on(_read_local(requests, store, platform, supplied).problems)


def _read_local(
    requests: Iterable[ImageRequest], store: Store, platform: Platform, supplied: Iterable[ResolvedImage]
) -> "_Local":
    local = _Local(store, platform)
    for image in supplied:
        local.take(image, None)
    for request in requests:
        if isinstance(request.source, LocalSource):
            local.read(request, request.source)
    return local


def _by_reference(requests: Iterable[ImageRequest]) -> dict[Reference, ImageRequest]:
    """One request for each name, with everybody's reasons."""
    merged: dict[Reference, ImageRequest] = {}
    for request in requests:
        if isinstance(request.source, LocalSource):
            continue
        first = merged.get(request.source)
        why = (*first.why, *request.why) if first else request.why
        location = first.location if first and first.location else request.location
        signatures = request.signatures or (first is not None and first.signatures)
        told = tuple(dict.fromkeys(why))
        merged[request.source] = ImageRequest(request.source, told, location, signatures)
    return merged


def _why(image: ResolvedImage, request: ImageRequest | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*image.why, *(request.why if request else ()))))


class _Local:
    """The images that need no registry."""

    def __init__(self, store: Store, platform: Platform) -> None:
        self._store = store
        self._platform = platform
        self.images: dict[Reference, ResolvedImage] = {}
        self.problems: list[tuple[BundlerError, Location | None]] = []

    def read(self, request: ImageRequest, source: LocalSource) -> None:
        try:
            for image in read_local(source, self._store, self._platform):
                self.take(replace(image, why=request.why), request.location)
        except BundlerError as error:
            self.problems.append((error, request.location))

    def take(self, image: ResolvedImage, location: Location | None) -> None:
        other = self.images.setdefault(image.reference, replace(image, local=True))
        if other.root.digest != image.root.digest:
            error = BundlerError(
                "two different images have this name",
                where=image.name,
                why=f"{other.root.digest} and {image.root.digest}",
                fix="leave one of them out, or give it another name",
                code=ExitCode.INPUT,
            )
            self.problems.append((error, location))

    def serves(self, ref: Reference) -> bool:
        """Whether the name is here; a pinned one is, too, if its repository has an image of that digest."""
        if ref in self.images:
            return True
        if ref.digest is None:
            return False
        same = (
            i for i in self.images.values() if i.reference.name == ref.name and i.root.digest == ref.digest
        )
        found = next(same, None)
        if found is not None:
            self.images[ref] = replace(found, reference=ref)
        return found is not None


@dataclass(frozen=True, slots=True)
class _Transfer:
    """A blob to fetch, and the first image that needs it."""

    ref: Reference
    what: Descriptor

    @property
    def name(self) -> str:
        """For the progress view; unique in a run."""
        return f"{self.ref.repository} {self.what.digest.hex[:12]}"


def _pull(
    wanted: Mapping[Reference, ImageRequest],
    store: Store,
    platform: Platform,
    registries: RegistryOptions,
    progress: PullProgress,
    pinned: ImagePins,
) -> tuple[list[ResolvedImage], list[tuple[BundlerError, Location | None]]]:
    if not wanted:
        return [], []
    client = None if registries.offline else RegistryClient(registries)
    source: BlobSource = Pinned(client or Offline(store), pinned.digests, store)

    def find(request: ImageRequest, ref: Reference) -> ResolvedImage:
        signatures = request.signatures or registries.signatures
        image = resolve(source, ref, platform, store, keep_list=signatures)
        if not signatures:
            return image
        pins = pinned.attached.get(image.name)
        if pins is not None:
            attached = pinned_attached(source, image, pins, store)
        else:
            attached = find_attached(source, client, image, store)
        return replace(image, attached=attached, signatures=True)

    try:
        return _pull_from(source, find, wanted, store, registries.at_once, progress)
    finally:
        if client is not None:
            client.close()


def _pull_from(
    source: BlobSource,
    find: Callable[[ImageRequest, Reference], ResolvedImage],
    wanted: Mapping[Reference, ImageRequest],
    store: Store,
    at_once: int,
    progress: PullProgress,
) -> tuple[list[ResolvedImage], list[tuple[BundlerError, Location | None]]]:
    stop = Stop()
    finding = [partial(find, request, ref) for ref, request in wanted.items()]
    found = dict(zip(wanted, run_all(finding, at_once, stop), strict=True))
    images = [image for image in found.values() if isinstance(image, ResolvedImage)]
    transfers = plan_transfers(images, store)
    progress.expect(len(transfers), sum(one.what.size for one in transfers))
    fetching = [partial(_fetch, source, one, store, progress, stop) for one in transfers]
    fetched = run_all(fetching, at_once, stop)
    lost = {
        one.what: out for one, out in zip(transfers, fetched, strict=True) if isinstance(out, BundlerError)
    }
    failures = [(out, wanted[ref].location) for ref, out in found.items() if isinstance(out, BundlerError)]
    failures += [
        (_renamed(lost[part], image), wanted[image.reference].location)
        for image in images
        for part in image.blobs
        if part in lost
    ]
    return images, failures


def plan_transfers(images: Iterable[ResolvedImage], store: Store) -> list[_Transfer]:
    """What the store lacks, each blob once, the largest first so that no big one is left alone at the end."""
    missing: dict[Descriptor, _Transfer] = {}
    for image in images:
        for part in image.blobs:
            if part not in missing and store.find(part.digest, part.size) is None:
                missing[part] = _Transfer(image.reference, part)
    return sorted(missing.values(), key=lambda one: (-one.what.size, one.what.digest))


def _fetch(source: BlobSource, one: _Transfer, store: Store, progress: PullProgress, stop: Stop) -> Blob:
    def on_bytes(count: int) -> None:
        stop.check()
        progress.advance(one.name, count)

    progress.begin(one.name, one.what.size)
    try:
        return source.blob(one.ref, one.what, store, on_bytes)
    finally:
        progress.end(one.name)


def _renamed(error: BundlerError, image: ResolvedImage) -> BundlerError:
    """A shared layer that is unavailable fails each image that has it."""
    if str(image.reference) in str(error.where):
        return error
    return BundlerError(
        error.what,
        where=f"{image.reference} (shared: {error.where})",
        why=error.why,
        fix=error.fix,
        code=error.code,
    )


def _fail_on(failures: Sequence[tuple[BundlerError, Location | None]]) -> None:
    if not failures:
        return
    codes = {error.code for error, _ in failures}
    code = next((one for one in _WORST_FIRST if one in codes), failures[0][0].code)
    raise Problems(tuple(dict.fromkeys(_problem(error, place) for error, place in failures)), code=code)


def _problem(error: BundlerError, location: Location | None) -> Problem:
    why = f" ({error.why})" if error.why else ""
    message = f"{error.where}: {error.what}{why}"
    return Problem(location or Location("images"), _RULES.get(error.code, "image"), message, error.fix)
