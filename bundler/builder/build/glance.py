"""A store and a chart supply for a look at a build context: nothing of it is copied, nothing is fetched."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.dependencies import missing_dependencies
from bundler.builder.charts.supply import ChartSupply
from bundler.builder.tree.tree import File, Tree
from bundler.core.digest import Digest, read_chunks
from bundler.core.errors import BundlerError, ExitCode


class Glance(Store):
    """Files of the build context stay where they are; what is made of them lies in a folder of its own."""

    def __init__(self, root: Path, noted: Mapping[Digest, Path] | None = None) -> None:
        super().__init__(root)
        self.noted: dict[Digest, Path] = dict(noted or {})

    @staticmethod
    def note(store: Store, path: Path, name: str) -> Blob:
        """Know a file by its digest, without a copy."""
        if not isinstance(store, Glance):
            raise TypeError(f"{name}: a glance needs a store of its own")
        hasher = hashlib.sha256()
        with path.open("rb") as stream:
            for chunk in read_chunks(stream):
                hasher.update(chunk)
            size = stream.tell()
        digest = Digest(hasher.hexdigest())
        store.noted[digest] = path
        return Blob(digest, size)

    def size(self, digest: Digest) -> int | None:
        """Bytes of a file that was noted or added."""
        path = self.noted.get(digest)
        return super().size(digest) if path is None else path.stat().st_size

    def find(self, digest: Digest, size: int | None = None) -> Path | None:
        """Where the file lies."""
        path = self.noted.get(digest)
        return (
            path if path is not None and size in {None, path.stat().st_size} else super().find(digest, size)
        )

    def seen(self, tree: Tree) -> Tree:
        """The part of a tree whose files are known: not those of a .run that is the base."""
        known = {
            path: entry
            for path, entry in tree.entries.items()
            if not isinstance(entry, File) or self.find(entry.digest) is not None
        }
        return Tree(known)

    def discard(self, digest: Digest) -> None:
        """Nothing of the build context is ever removed."""
        if digest not in self.noted:
            super().discard(digest)


class HereOnly(ChartSupply):
    """Charts out of the build context; one that needs another from elsewhere is a NETWORK error."""

    def _remote(self, chart: Tree, where: str) -> dict[str, File]:
        if names := [one.name for one in missing_dependencies(chart, self.store, where) if not one.folder]:
            raise BundlerError(f"charts are needed from elsewhere: {', '.join(names)}", code=ExitCode.NETWORK)
        return {}
