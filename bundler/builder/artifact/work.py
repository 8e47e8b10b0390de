"""What `push`, `pull`, `save`, `load` and `tag` do, below their options."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bundler.builder.artifact import layout, transfer
from bundler.builder.artifact.model import PartSizes, RunArtifact, index_of
from bundler.builder.artifact.names import Names, StoredParts
from bundler.builder.artifact.partial_download import PartialDownload
from bundler.builder.artifact.runfile import adopt, assemble, finish, packed
from bundler.builder.artifact.transfer import Moved
from bundler.builder.artifact.upload import Uploader
from bundler.builder.cache.store import Store
from bundler.builder.kubefile.runfile import read_run
from bundler.builder.lib.progress import Progress, transferring
from bundler.builder.oci.client import RegistryClient, RegistryOptions
from bundler.core.archive import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import OCI_INDEX, Platform
from bundler.core.reference import Reference


@dataclass(frozen=True, slots=True)
class Around:
    """What every command needs: the cache, how registries are reached, and where progress is reported."""

    store: Store
    options: RegistryOptions
    progress: Progress


@dataclass(frozen=True, slots=True)
class Held:
    """A bundle at hand; `name` where it was called by one."""

    artifact: RunArtifact
    parts: PartSizes
    name: Reference | None


def push(sources: Sequence[str], target: str, around: Around) -> tuple[Reference, Digest, Moved]:
    """Push a .run, or a bundle that has a name; `target` "": under that name. Gives what that means now.

    Several, for several platforms, get one name by an image index. Raises BundlerError (NOT_FOUND, USAGE,
    NETWORK, TRUST, INTEGRITY).
    """
    told = _tagged(target) if target else None  # before a large file is read
    if len(sources) == 1:
        with _opened(sources[0], around) as held:
            ref = told or held.name or _nowhere(sources[0])
            with _uploader(ref, around) as uploader:
                moved = _pushed(held, uploader, around)
            return ref, held.artifact.descriptor.digest, moved
    if told is None:
        _nowhere(" and ".join(sources))
    with _uploader(told, around) as uploader:
        moves, artifacts = [], []
        for source in sources:
            with _opened(source, around) as held:
                artifacts.append(held.artifact)
                index_of(artifacts)  # before anything is sent for nothing
                moves.append(_pushed(held, uploader, around, str(held.artifact.descriptor.digest)))
        index = index_of(artifacts)
        digest = Digest.of(index)
        if uploader.manifest_digest() != str(digest):
            uploader.put_manifest(index, media_type=OCI_INDEX)
    return told, digest, Moved.together(moves)


def pull(
    source: str, output: Path | None, old: Path | None, platform: str, around: Around
) -> tuple[Path, RunArtifact, Moved]:
    """Pull a bundle to where it stays, and give it its name once it is whole.

    old: an earlier .run whose parts needn't be fetched; the file that is replaced is one in any case.
    platform: of several, "" where there is one. Raises BundlerError as `locate`, `receive` and `finish` do.
    """
    ref = Reference.parse(source)
    with _client(around) as client:
        around.progress.begin(f"pull {ref}")
        wanted = Platform.parse(platform) if platform else None
        artifact = transfer.locate(client, ref, wanted, around.store)
        target = output or Path(f"{artifact.name}.run")
        _check_target(target)
        with PartialDownload.beside(target, artifact) as file:
            _take_over(file, target, old, around)
            moved = transfer.receive(
                client, ref, file, artifact.blobs, around.store, around.options.at_once, around.progress
            )
            around.progress.begin(f"verify {target}")
            with transferring(around.progress, target.name, artifact.size) as told:
                finish(file, target, where=ref, on_bytes=told.advance)
    return target, artifact, moved


def save(source: str, target: Path, platform: str, around: Around) -> RunArtifact:
    """Write a .run, a named bundle, or one that is in a registry as an OCI layout. platform: as for `pull`.

    Raises BundlerError as `layout.save` does, and as `pull` does.
    """
    with _opened(source, around, fetch=True, platform=platform) as held:
        name = str(held.name) if held.name else re.sub(r"[^A-Za-z0-9._-]", "-", held.artifact.version)
        around.progress.begin(f"save to {target}")
        with transferring(around.progress, target.name, held.artifact.size) as told:
            layout.save(held.artifact, held.parts, name, target, told.advance)
        return held.artifact


def load(place: Path, wanted: str, output: Path | None, around: Around) -> tuple[Path, RunArtifact]:
    """Write the .run that a layout holds. Raises BundlerError as `layout.load` and `assemble` do."""
    artifact, parts = layout.load(place, wanted, around.store)
    target = output or Path(f"{artifact.name}.run")
    _check_target(target)
    around.progress.begin(f"write {target}")
    with transferring(around.progress, target.name, artifact.size) as told:
        assemble(artifact, parts, target, where=place, on_bytes=told.advance)
    return target, artifact


def tag(source: str, name: str, around: Around) -> Reference:
    """Give a .run, or a bundle that has a name, another name; its parts are in the cache then.

    Raises BundlerError (NOT_FOUND, USAGE, INTEGRITY, SPACE).
    """
    ref = _tagged(name)
    with _opened(source, around) as held:
        with transferring(around.progress, str(ref), held.artifact.size) as told:
            for part in held.artifact.blobs:
                around.store.add(held.parts.chunks(part), digest=part.digest, size=part.size, name=str(ref))
                told.advance(part.size)
        Names(around.store).put(ref, held.artifact)
    return ref


def untag(name: str, around: Around) -> Reference:
    """Forget a name. Raises BundlerError (NOT_FOUND)."""
    ref = Reference.parse(name)
    if not Names(around.store).drop(ref):
        raise _unknown(name)
    return ref


@contextlib.contextmanager
def _opened(source: str, around: Around, *, fetch: bool = False, platform: str = "") -> Iterator[Held]:
    """A file where there is one of this name, else the bundle that the cache, or a registry, has."""
    path = Path(source)
    if path.is_file():
        around.progress.begin(f"verify {path.name}")
        with (
            transferring(around.progress, path.name, path.stat().st_size) as told,
            packed(path, told.advance) as (artifact, parts),
        ):
            yield Held(artifact, parts, None)
        return
    try:
        ref = Reference.parse(source)
    except BundlerError:
        raise _unknown(source) from None
    known = Names(around.store).find(ref)
    if known is None and not fetch:
        raise _unknown(source)
    yield Held(known or _fetched(ref, platform, around), StoredParts(around.store, ref), ref)


def _fetched(ref: Reference, platform: str, around: Around) -> RunArtifact:
    """A bundle of a registry, whole in the cache; there it has its name, unless that means others, too."""
    around.progress.begin(f"pull {ref}")
    with _client(around) as client:
        wanted = Platform.parse(platform) if platform else None
        artifact = transfer.locate(client, ref, wanted, around.store)
        transfer.fetch(client, ref, artifact.blobs, around.store, around.options.at_once, around.progress)
    if not platform:
        Names(around.store).put(ref, artifact)
    return artifact


def _pushed(held: Held, uploader: Uploader, around: Around, wanted: str = "") -> Moved:
    around.progress.begin(f"push to {uploader.ref}")
    return transfer.push(
        held.artifact, held.parts, uploader, around.options.at_once, around.progress, wanted=wanted
    )


@contextlib.contextmanager
def _uploader(ref: Reference, around: Around) -> Iterator[Uploader]:
    uploader = Uploader(ref, around.options)
    try:
        yield uploader
    finally:
        uploader.close()


@contextlib.contextmanager
def _client(around: Around) -> Iterator[RegistryClient]:
    client = RegistryClient(around.options)
    try:
        yield client
    finally:
        client.close()


def _take_over(file: PartialDownload, target: Path, old: Path | None, around: Around) -> None:
    """What the file that is replaced, if it is a .run, and the earlier one that was named have in common."""
    earlier = [old] if old is not None else []
    if target.is_file():
        with contextlib.suppress(BundlerError):  # anything may be replaced
            read_run(target)
            earlier.append(target)
    for path in earlier:
        around.progress.begin(f"compare with {path}")
        with Bundle.open(path) as bundle:
            adopt(file, bundle)


def _check_target(target: Path) -> None:
    if target.is_dir():
        raise BundlerError(
            "the file to write is a folder",
            where=target,
            code=ExitCode.USAGE,
            fix="name the file: -o FOLDER/NAME.run",
        )


def _nowhere(source: str) -> NoReturn:
    raise BundlerError(
        f"where should {source} be pushed to?",
        code=ExitCode.USAGE,
        fix="bundler push FILE REGISTRY/REPOSITORY:TAG",
    )


def _tagged(text: str) -> Reference:
    ref = Reference.parse(text)
    if ref.digest is not None:
        raise BundlerError(
            f"a digest can't be given to a bundle: {text}",
            code=ExitCode.USAGE,
            fix="write REGISTRY/REPOSITORY:TAG",
        )
    return ref


def _unknown(source: str) -> BundlerError:
    return BundlerError(
        f"there is neither a file nor a bundle in the cache that is called {source[:300]!r}",
        code=ExitCode.NOT_FOUND,
        fix="check the name; `bundler tag` lists those of the cache, `bundler pull` brings a file",
    )
