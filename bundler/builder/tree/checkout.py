"""A tree as a real folder for RUN, and back: what the command left alone isn't read again."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.cache.disk import space_told
from bundler.builder.cache.store import Store
from bundler.builder.tree.tree import Entry, File, Symlink, Tree, join, normal_mode
from bundler.core.errors import BundlerError, ExitCode

_TIME = 315532800  # 1980-01-01: one for all files, so that no command can tell on which day it runs by them
Stamp = tuple[int, int, int, int]  # inode, size, mtime and ctime in ns; a write changes at least the last


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder made from a tree, with the stamps of its files as they were."""

    root: Path
    tree: Tree
    stamps: Mapping[str, Stamp]


def check_out(tree: Tree, store: Store, root: Path) -> Checkout:
    """Make the folder `root` hold the tree, in copies: the store's own files can't be hurt through it.

    Raises BundlerError (SPACE, NOT_FOUND).
    """
    size = sum(entry.size for _, entry in tree.files())
    with space_told(root.parent, "the copy of the staged files that RUN works on", size):
        root.mkdir(mode=0o755)
        for folder in sorted(tree.folders):
            (root / folder).mkdir(mode=0o755)
        for path, entry in tree.entries.items():
            _place(root / path, entry, store)
    return Checkout(root, tree, {path: _stamp(os.lstat(root / path)) for path, _ in tree.files()})


def _place(path: Path, entry: Entry, store: Store) -> None:
    match entry:
        case Symlink(target):
            path.symlink_to(target)
        case File(mode, _, digest):
            shutil.copyfile(store.path(digest), path)
            path.chmod(mode)
            os.utime(path, (_TIME, _TIME))


def read_back(checkout: Checkout, store: Store) -> Tree:
    """The tree that the folder holds now; only files with another stamp are read.

    Raises BundlerError (BUILD) for sockets, pipes and devices, (SPACE).
    """
    return Tree(dict(_read(checkout, store)))


def _read(checkout: Checkout, store: Store) -> Iterator[tuple[str, Entry]]:
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(checkout.root / folder) as found:
            for item in found:
                path = join(folder, item.name)
                if item.is_dir(follow_symlinks=False):
                    pending.append(path)
                else:
                    yield path, _entry(checkout, path, store)


def _entry(checkout: Checkout, path: str, store: Store) -> Entry:
    real = checkout.root / path
    found = os.lstat(real)
    if stat.S_ISLNK(found.st_mode):
        return Symlink(os.readlink(real))  # noqa: PTH115  (Path would rewrite the target)
    if not stat.S_ISREG(found.st_mode):
        raise BundlerError(
            f"RUN left {path}, which is neither file, folder nor link",
            code=ExitCode.BUILD,
            fix="remove it at the end of the RUN",
        )
    before = checkout.tree.entries.get(path)
    if isinstance(before, File) and checkout.stamps[path] == _stamp(found):
        return before
    blob = store.add_file(real, name=path)
    return File(normal_mode(found.st_mode), blob.size, blob.digest)


def _stamp(found: os.stat_result) -> Stamp:
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
