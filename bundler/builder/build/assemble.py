"""Writing what was decided into one .run."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.cache.frames import StoredFrames
from bundler.builder.cache.store import Store
from bundler.builder.delta.model import Layer, Shrunk
from bundler.builder.lib.progress import Counted, Progress, Transfer, transferring
from bundler.builder.model.spec import BundleSpec, SpecContent
from bundler.builder.runtime.freeze import stub_template
from bundler.core.archive import BundleWriter
from bundler.core.archive.deflate import inflated
from bundler.core.archive.frames import LEVEL
from bundler.core.archive.recipes import Needed
from bundler.core.archive.writer import Signer
from bundler.core.digest import read_chunks


@dataclass(frozen=True, slots=True)
class Form:
    """How a .run is written, and where to; runtime: the frozen installer. The rest: see `BuildRequest`."""

    target: Path
    runtime: Path
    level: int = LEVEL
    split: int | None = None
    signer: Signer | None = None

    def writer(self, store: Store, base: Needed | None = None, *, borrow: bool = False) -> BundleWriter:
        """What writes it, with the store's compressed frames. base, borrow: as in `BundleWriter`."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        return BundleWriter(
            self.target,
            stub=stub_template(),
            runtime=self.runtime,
            frames=StoredFrames(store),
            level=self.level,
            split=self.split,
            base=base,
            borrow=borrow,
        )


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of the .run, and of the frames of its recompressed layers."""

    size: int
    layers: int


def write(spec: BundleSpec, shrunk: Shrunk, form: Form, *, store: Store, progress: Progress) -> Written:
    """Write the .run. Raises BundlerError (INTEGRITY, SPACE, INPUT, TRUST)."""
    layers = 0
    with (
        form.writer(store, shrunk.base, borrow=shrunk.borrow) as writer,
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


def add_contents(
    writer: BundleWriter, contents: Iterable[SpecContent], store: Store, transfer: Transfer
) -> None:
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
