"""A bundle as an OCI image layout (image specification 1.1, image-layout.md), a folder or a tar."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from bundler.builder.artifact.model import ARTIFACT, EMPTY, EMPTY_CONFIG, PartSizes, RunArtifact
from bundler.builder.artifact.runfile import OnBytes
from bundler.builder.cache.disk import remove_tree, space_told, write_all
from bundler.builder.cache.store import Store
from bundler.builder.images.files import Files, FolderFiles, open_tar, read_small
from bundler.core.archive import unfinished
from bundler.core.archive.newfile import NewFile
from bundler.core.archive.tarhead import end, header, padding
from bundler.core.digest import verified
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical
from bundler.core.oci import MAX_MANIFEST, OCI_INDEX, Descriptor, ManifestIndex, parse_manifest

_REF_NAME: Final = "org.opencontainers.image.ref.name"
_TAR: Final = ".tar"


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


def save(
    artifact: RunArtifact, parts: PartSizes, name: str, target: Path, on_bytes: OnBytes = lambda _: None
) -> None:
    """Write the layout: a tar where `target` ends in .tar, else a folder. It appears when it is complete.

    name: what the layout calls the bundle. Raises BundlerError (USAGE) for a folder that isn't empty, (SPACE,
    INTEGRITY), and what `parts` raises.
    """
    files = tuple(_files(artifact, parts, name))
    if target.suffix == _TAR:
        _save_tar(files, target, on_bytes)
    else:
        _save_folder(files, target, on_bytes)


class LayoutParts:
    """The parts of a bundle in a layout."""

    def __init__(self, files: Files, where: object) -> None:
        self._files = files
        self._where = where

    def chunks(self, part: Descriptor) -> Iterator[bytes]:
        """A part's content, verified. Raises BundlerError (INTEGRITY, NOT_FOUND)."""
        read = self._files.chunks(_path(part))
        return verified(read, digest=part.digest, size=part.size, name=str(self._where))


def load(place: Path, wanted: str, store: Store) -> tuple[RunArtifact, LayoutParts]:
    """The bundle of a layout; `wanted` is its name there, "" where it is the only one.

    The store is for unpacking a compressed tar. Raises BundlerError (NOT_FOUND, INTEGRITY, UNSUPPORTED).
    """
    if not place.exists():
        raise BundlerError("there is no such layout", where=place, code=ExitCode.NOT_FOUND)
    files = FolderFiles(place) if place.is_dir() else open_tar(place, store, place)
    top = parse_manifest(read_small(files, "index.json", MAX_MANIFEST, place), "", place)
    listed = top.manifests if isinstance(top, ManifestIndex) else ()
    fitting = [entry for entry in listed if not wanted or entry.annotation(_REF_NAME) == wanted]
    if len(fitting) != 1:
        _none_or_many(place, wanted, listed)
    entry = fitting[0]
    if entry.size > MAX_MANIFEST:
        raise BundlerError("its manifest is too large", where=place, code=ExitCode.INTEGRITY)
    parts = LayoutParts(files, place)
    return RunArtifact.parse(b"".join(parts.chunks(entry)), entry.media_type, place), parts


def _files(artifact: RunArtifact, parts: PartSizes, name: str) -> Iterator[_File]:
    top = artifact.descriptor
    entry = {**top.to_json(), "artifactType": ARTIFACT, "annotations": {_REF_NAME: name}}
    listing = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    yield _small("oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))
    yield _small("index.json", canonical(listing))
    yield _small(_path(top), artifact.raw)
    yield _small(_path(EMPTY_CONFIG), EMPTY)
    for part in artifact.blobs:
        yield _File(_path(part), part.size, lambda part=part: parts.chunks(part))  # type: ignore[misc]  # its own part


def _small(path: str, data: bytes) -> _File:
    return _File(path, len(data), lambda: (data,))


def _path(part: Descriptor) -> str:
    return f"blobs/sha256/{part.digest.hex}"


def _save_tar(files: Iterable[_File], target: Path, on_bytes: OnBytes) -> None:
    with NewFile(target) as out:
        for file in files:
            out.write(header(file.path, size=file.size, mode=0o644, mtime=0))
            for chunk in file.chunks():
                out.write(chunk)
                on_bytes(len(chunk))
            out.write(padding(file.size))
        out.write(end())
        out.commit(0o666)


def _save_folder(files: Iterable[_File], target: Path, on_bytes: OnBytes) -> None:
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BundlerError(
            "the layout's folder is there already",
            where=target,
            code=ExitCode.USAGE,
            fix="name a new or an empty one, or remove it first",
        )
    unfinished.sweep(target)
    temp = unfinished.hidden_name(target.absolute())
    try:
        with space_told(target.absolute().parent, "the layout", None), _held(temp):
            for file in files:
                _write(temp / file.path, file.chunks(), on_bytes)
            temp.replace(target)
    except OSError as error:
        why = error.strerror or str(error)
        raise BundlerError(
            "the layout can't be written", where=target, why=why, code=ExitCode.USAGE
        ) from error
    finally:
        remove_tree(temp)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Make a folder that the next `save` doesn't take for a killed one's."""
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        unfinished.hold(fd)
        yield
    finally:
        os.close(fd)


def _write(path: Path, chunks: Iterable[bytes], on_bytes: OnBytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb", buffering=0) as out:
        for chunk in chunks:
            write_all(out.fileno(), chunk)
            on_bytes(len(chunk))
        os.fsync(out.fileno())


def _none_or_many(place: Path, wanted: str, listed: Iterable[Descriptor]) -> NoReturn:
    known = (entry.annotation(_REF_NAME)[:200] for entry in listed)
    names = ", ".join(sorted(repr(name) for name in known if name))  # as text: they are a stranger's
    raise BundlerError(
        f"there is no bundle {wanted!r} in it" if wanted else "it isn't clear which bundle is meant",
        where=place,
        why=f"the layout has: {names or 'nothing with a name'}",
        code=ExitCode.NOT_FOUND,
        fix="name one: bundler load LAYOUT NAME",
    )
