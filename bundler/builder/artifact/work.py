"""What `push`, `pull`, `save`, `load` and `tag` do, below their options."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.artifact import layout, transfer
from bundler.builder.artifact.model import Parts, RunArtifact
from bundler.builder.artifact.names import Names, StoredParts
from bundler.builder.artifact.runfile import assemble, packed
from bundler.builder.artifact.transfer import Moved
from bundler.builder.artifact.upload import Uploader
from bundler.builder.images.registry import RegistryClient, RegistryOptions
from bundler.builder.progress import Progress, transferring
from bundler.builder.store import Store
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.reference import Reference


@dataclass(frozen=True, slots=True)
class Around:
    """What every command needs: the cache, how registries are reached, and where progress is told."""

    store: Store
    options: RegistryOptions
    progress: Progress


@dataclass(frozen=True, slots=True)
class Held:
    """A bundle at hand; `name` where it was called by one."""

    artifact: RunArtifact
    parts: Parts
    name: Reference | None


def push(source: str, target: str, around: Around) -> tuple[Reference, RunArtifact, Moved]:
    """Push a .run, or a bundle that `tag` or `pull` gave a name; `target` "": under that name.

    Raises BundlerError (NOT_FOUND, USAGE, NETWORK, TRUST, INTEGRITY).
    """
    told = _tagged(target) if target else None  # before a large file is read
    with _opened(source, around) as held:
        ref = told or held.name
        if ref is None:
            raise BundlerError(
                f"where shall {source} go?",
                code=ExitCode.USAGE,
                fix="bundler push FILE REGISTRY/REPOSITORY:TAG",
            )
        uploader = Uploader(ref, around.options)
        try:
            around.progress.begin(f"push to {ref}")
            moved = transfer.push(
                held.artifact, held.parts, uploader, around.options.at_once, around.progress
            )
        finally:
            uploader.close()
        return ref, held.artifact, moved


def pull(source: str, output: Path | None, around: Around) -> tuple[Path, RunArtifact, Moved]:
    """Pull a bundle, and write the .run. Raises BundlerError as `transfer.fetch` and `assemble` do."""
    ref = Reference.parse(source)
    artifact, moved = _fetched(ref, around)
    target = output or Path(f"{artifact.name}.run")
    _assemble(artifact, StoredParts(around.store, ref), target, ref, around)
    return target, artifact, moved


def save(source: str, target: Path, around: Around) -> RunArtifact:
    """Write a .run, a named bundle, or one that is in a registry as an OCI layout.

    Raises BundlerError as `layout.save` does, and as `pull` does.
    """
    with _opened(source, around, fetch=True) as held:
        name = str(held.name) if held.name else re.sub(r"[^A-Za-z0-9._-]", "-", held.artifact.version)
        around.progress.begin(f"save to {target}")
        with transferring(around.progress, target.name, held.artifact.size) as told:
            layout.save(held.artifact, held.parts, name, target, told.advance)
        return held.artifact


def load(place: Path, wanted: str, output: Path | None, around: Around) -> tuple[Path, RunArtifact]:
    """Write the .run that a layout holds. Raises BundlerError as `layout.load` and `assemble` do."""
    artifact, parts = layout.load(place, wanted, around.store)
    target = output or Path(f"{artifact.name}.run")
    _assemble(artifact, parts, target, place, around)
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
def _opened(source: str, around: Around, *, fetch: bool = False) -> Iterator[Held]:
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
    artifact = known or _fetched(ref, around)[0]
    yield Held(artifact, StoredParts(around.store, ref), ref)


def _fetched(ref: Reference, around: Around) -> tuple[RunArtifact, Moved]:
    around.progress.begin(f"pull {ref}")
    client = RegistryClient(around.options)
    try:
        artifact, moved = transfer.fetch(client, ref, around.store, around.options.at_once, around.progress)
    finally:
        client.close()
    Names(around.store).put(ref, artifact)
    return artifact, moved


def _assemble(artifact: RunArtifact, parts: Parts, target: Path, where: object, around: Around) -> None:
    if target.is_dir():
        raise BundlerError(
            "the file to write is a folder",
            where=target,
            code=ExitCode.USAGE,
            fix="name the file: -o FOLDER/NAME.run",
        )
    around.progress.begin(f"write {target}")
    with transferring(around.progress, target.name, artifact.size) as told:
        assemble(artifact, parts, target, where=where, on_bytes=told.advance)


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
        fix="check the name; `bundler tag` lists those of the cache, `bundler pull` brings one",
    )
