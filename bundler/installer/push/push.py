"""Pushing: every blob once, then the manifests, each asked for before it is sent."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bundler.core.archive.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import MAX_MANIFEST, ManifestIndex, parse_manifest
from bundler.installer.handout.images import blob_member, choices
from bundler.installer.push.names import Placed
from bundler.installer.push.referrers import Beside, beside, is_there, put
from bundler.installer.push.registry import RegistryClient

AT_ONCE: Final = 4

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(slots=True)
class Pushed:
    """What a push did: blobs that were sent (and their bytes), mounted, there before; images put, there.

    attached, attached_there: the same for signatures and what else is kept beside images.
    """

    sent: int = 0
    size: int = 0
    mounted: int = 0
    there: int = 0
    images: int = 0
    images_there: int = 0
    attached: int = 0
    attached_there: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, name: str, count: int = 1) -> None:
        """Count something."""
        with self.lock:
            setattr(self, name, getattr(self, name) + count)


def push(
    bundle: Bundle,
    placed: Iterable[Placed],
    registry: RegistryClient,
    tell: Callable[[str], None],
    *,
    signatures: bool = True,
) -> Pushed:
    """Push the images; what the registry has already is not sent. signatures: with what is kept beside them.

    Raises BundlerError: NETWORK, TRUST, INTEGRITY when the bundle is damaged or the registry has something
    else.
    """
    work = _Push(bundle, registry, tell)
    images = tuple(placed)
    missing = [image for image, there in zip(images, _all(work.is_there, images), strict=True) if not there]
    work.done.add("images_there", len(images) - len(missing))
    kept = beside(images) if signatures else ()
    absent = [one for one, there in zip(kept, _all(work.has, kept), strict=True) if not there]
    work.done.add("attached_there", len(kept) - len(absent))
    homes: dict[Digest, list[str]] = {}
    wanted = [(image.repository, image.image.blobs) for image in missing]
    for repository, blobs in (*wanted, *((one.repository, one.one.blobs) for one in absent)):
        for digest in blobs:
            homes.setdefault(digest, []).append(repository)
    largest = sorted(homes.items(), key=lambda item: -work.size(item[0]))
    _all(lambda item: work.blob(item[0], tuple(dict.fromkeys(item[1]))), largest)
    _all(work.manifests, missing)
    for one in absent:  # one after the other: two may be listed in one index
        work.attach(one)
    return work.done


def lacking(bundle: Bundle, placed: Iterable[Placed], registry: RegistryClient) -> tuple[Placed, ...]:
    """Images that the registry does not have by the digest that a push gives them."""
    images = tuple(placed)
    work = _Push(bundle, registry, lambda _text: None)
    return tuple(image for image, there in zip(images, _all(work.is_there, images), strict=True) if not there)


class _Push:
    def __init__(self, bundle: Bundle, registry: RegistryClient, tell: Callable[[str], None]) -> None:
        self.done = Pushed()
        self._bundle = bundle
        self._registry = registry
        self._tell = tell
        self._choices = choices(bundle)

    def size(self, digest: Digest) -> int:
        return blob_member(self._bundle, digest).size

    def is_there(self, placed: Placed) -> bool:
        """Whether the name means this image there already, so that all its blobs are there too."""
        told = self._registry.manifest_digest(placed.repository, placed.wanted)
        return told in {str(placed.image.digest), str(self._carried(placed)[0])}

    def has(self, it: Beside) -> bool:
        """Whether the registry has what is kept beside an image."""
        return is_there(it, self._registry)

    def attach(self, it: Beside) -> None:
        """Put what is kept beside an image."""
        put(it, self._registry, self._read)
        self.done.add("attached")
        self._tell(f"{self._registry.host}/{it.repository}:{it.one.tag}  {it.one.digest}")

    def blob(self, digest: Digest, repositories: tuple[str, ...]) -> None:
        """See that each repository has the blob; it is sent at most once, into the first."""
        member = blob_member(self._bundle, digest)
        for repository in repositories:
            if self._registry.has_blob(repository, digest):
                self.done.add("there")
            elif repository != repositories[0] and self._registry.mount(repository, digest, repositories[0]):
                self.done.add("mounted")
            else:
                self._registry.upload(repository, digest, member.size, lambda: self._bundle.chunks(member))
                self.done.add("sent")
                self.done.add("size", member.size)

    def manifests(self, placed: Placed) -> None:
        """Put the image's manifests, and see that its name means it then."""
        where = f"{self._registry.host}/{placed.repository}:{placed.wanted}"
        top, whole = self._carried(placed)
        for digest in reversed(placed.image.manifests):
            if digest != placed.image.digest:
                self._put(placed, digest, str(digest))
        final = placed.image.digest
        if not self._put(placed, final, placed.wanted, refusable=not whole):
            final = top
            self._put(placed, final, placed.wanted if ":" not in placed.wanted else str(final))
            self._tell(
                f"{where}: the registry takes no list with platforms that aren't there, so it is {top}"
            )
        found = self._registry.manifest_digest(
            placed.repository, placed.wanted if ":" not in placed.wanted else str(final)
        )
        if found not in {str(final), ""}:
            raise BundlerError(
                "the registry has something else under this name",
                where=where,
                why=f"sent {final}, it has {found}",
                code=ExitCode.INTEGRITY,
                fix="make sure that nothing else is pushing it, and that the tag can be overwritten",
            )
        self.done.add("images")
        self._tell(f"{where}  {final}")

    def _carried(self, placed: Placed) -> tuple[Digest, bool]:
        """The manifest to fall back to, and whether everything that the image lists is in the bundle."""
        image = placed.image
        parsed = parse_manifest(self._read(image.digest), image.media_type, image.name)
        if not isinstance(parsed, ManifestIndex):
            return image.digest, True
        carried = frozenset(image.manifests)
        listed = [entry.digest for entry in parsed.manifests]
        top = next((digest for digest in listed if digest in carried), image.digest)
        if (choice := self._choices.get(image.name)) is not None:
            top = choice.digest
        return top, carried.issuperset(listed)

    def _put(self, placed: Placed, digest: Digest, wanted: str, *, refusable: bool = False) -> bool:
        data = self._read(digest)
        known = placed.image.media_type if digest == placed.image.digest else ""
        media_type = parse_manifest(data, known, placed.image.name).media_type
        if self._registry.put_manifest(placed.repository, wanted, data, media_type) is not None:
            return True
        if refusable:
            return False
        raise BundlerError(
            "the registry refuses the manifest",
            where=f"{self._registry.host}/{placed.repository}:{wanted}",
            why=f"its type is {media_type}",
            code=ExitCode.NETWORK,
            fix="check which kinds of images it accepts",
        )

    def _read(self, digest: Digest) -> bytes:
        return self._bundle.read(blob_member(self._bundle, digest), limit=MAX_MANIFEST)


def _all(do: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Do it for all, four at once, in the order given; the first failure keeps what waits from starting."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(do, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((f for f in futures if f.done() and not f.cancelled() and f.exception()), None)
            if failed is not None:
                failed.result()
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
