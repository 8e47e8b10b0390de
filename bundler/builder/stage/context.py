"""The build context: the folder that COPY, ADD and APP take files from, and may not leave."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.cache.store import Blob, Store
from bundler.builder.stage.ignore import DOCKERS, NAME, Ignore, component, has_wildcard
from bundler.builder.tree.tree import Entry, File, Symlink, Tree, clean_path, join, normal_mode
from bundler.core.digest import Digest, read_chunks
from bundler.core.errors import BundlerError, ExitCode

_LINKS = 40  # folders entered through links in links


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One thing in the context that a source names; `path` is real, inside the context, and not a link."""

    name: str  # relative to the context
    path: Path
    is_folder: bool

    @property
    def base(self) -> str:
        """The last part of its name: of the link, where it was named by one."""
        return self.name.rpartition("/")[2]


class Context:
    """A folder and its .kubeignore."""

    def __init__(
        self, root: Path, store: Store, keep: Callable[[Store, Path, str], Blob] | None = None
    ) -> None:
        self.root = root.resolve()
        self._store = store
        self._keep = keep or store_file
        self._ignore = _read_ignore(self.root)

    @property
    def remark(self) -> str:
        """What to know of how its files are chosen, "" for nothing."""
        if self._ignore.name != DOCKERS or not self._ignore.rules:
            return ""
        return f"{DOCKERS} says what is left out of {self.root}; write {NAME} for rules of the bundle's own"

    def find(self, text: str) -> tuple[ContextFile, ...]:
        """What `text` names, sorted: one file or folder, or several by a pattern.

        Raises BundlerError (NOT_FOUND) for nothing, (INPUT) for what lies outside.
        """
        pattern = clean_path(text)
        names = sorted(self._matches(pattern)) if has_wildcard(pattern) else [pattern]
        found = tuple(self._source(name) for name in names if not (name and self._ignore.excludes(name)))
        if not found:
            why = f"{self._ignore.name} leaves it out" if names and (self.root / names[0]).exists() else ""
            raise BundlerError(
                f"there is no {text} in the build context",
                where=self.root,
                why=why,
                code=ExitCode.NOT_FOUND,
                fix="paths count from the folder that is given to `bundler make`",
            )
        return found

    def tree(self, source: ContextFile, mode: int | None = None, *, whole: bool = False) -> Tree:
        """A folder's contents, or one file under its own name; everything goes into the store.

        whole: links to folders, and links that lead out of the folder, are what they lead to in the context.
        """
        if source.is_folder:
            entries = dict(self._walk(source.path, source.name, mode))
            return Tree(dict(self._followed(source, entries, mode)) if whole else entries)
        return Tree({source.base: self._file(source.path, mode)})

    def file(self, source: ContextFile, mode: int | None = None) -> File:
        """One file, copied into the store."""
        return self._file(source.path, mode)

    def _matches(self, pattern: str) -> Iterator[str]:
        """Go's filepath.Glob: each part of the path may hold wildcards, `*` doesn't span folders."""
        names = [""]
        for part in pattern.split("/"):
            expression = component(part)
            names = [
                join(folder, entry)
                for folder in names
                for entry in _listed(self.root / folder)
                if expression.fullmatch(entry)
            ]
        return iter(names)

    def _source(self, name: str) -> ContextFile:
        real = (self.root / name).resolve()
        if not real.is_relative_to(self.root):
            raise _leads_out(name, self.root / name, real)
        if not real.exists():
            raise BundlerError(
                f"there is no {name} in the build context",
                where=self.root,
                code=ExitCode.NOT_FOUND,
                fix="paths count from the folder that is given to `bundler make`",
            )
        return ContextFile(name, real, real.is_dir())

    def _walk(self, folder: Path, name: str, mode: int | None) -> Iterator[tuple[str, Entry]]:
        """Everything below a folder, paths relative to it; links stay links."""
        pending = [""]
        while pending:
            at = pending.pop()
            for entry in _listed(folder / at):
                relative = join(at, entry)
                path = folder / relative
                excluded = self._ignore.excludes(join(name, relative))
                if path.is_dir() and not path.is_symlink():
                    if not (excluded and self._ignore.can_prune):
                        pending.append(relative)
                elif not excluded:
                    yield relative, self._entry(path, mode)

    def _followed(
        self, source: ContextFile, entries: Mapping[str, Entry], mode: int | None, depth: int = 0
    ) -> Iterator[tuple[str, Entry]]:
        """The entries with what links lead to in their place, as Helm follows them."""
        for relative, entry in entries.items():
            path = source.path / relative
            real = path.resolve() if isinstance(entry, Symlink) else path
            if not isinstance(entry, Symlink) or not real.exists():
                yield relative, entry
            elif not real.is_relative_to(self.root):
                raise _leads_out(join(source.name, relative), path, real)
            elif real.is_dir():
                if depth > _LINKS or path.is_relative_to(real):
                    raise _in_a_circle(path, real)
                inner = ContextFile(real.relative_to(self.root).as_posix(), real, is_folder=True)
                below = dict(self._walk(real, inner.name, mode))
                for name, found in self._followed(inner, below, mode, depth + 1):
                    yield join(relative, name), found
            else:
                yield relative, entry if real.is_relative_to(source.path) else self._file(real, mode)

    def _entry(self, path: Path, mode: int | None) -> Entry:
        if path.is_symlink():
            return Symlink(os.readlink(path))  # noqa: PTH115  (Path would rewrite the target)
        return self._file(path, mode)

    def _file(self, path: Path, mode: int | None) -> File:
        found = path.stat()
        name = path.relative_to(self.root)
        if not stat.S_ISREG(found.st_mode):
            raise BundlerError(
                f"{name} is {_special(found.st_mode)}; only files, folders and symbolic links can be copied",
                where=path,
                code=ExitCode.INPUT,
                fix=f"remove it, or write {name} into {NAME}",
            )
        with _readable(path, f"{name} can't be read"):
            blob = self._keep(self._store, path, str(path))
        return File(normal_mode(found.st_mode) if mode is None else mode, blob.size, blob.digest)


def _special(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")


@contextmanager
def _readable(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise BundlerError(
            what,
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.INPUT,
            fix=f"make it readable for the user who builds, or write it into {NAME}",
        ) from error


def _leads_out(name: str, path: Path, real: Path) -> BundlerError:
    return BundlerError(
        f"{name} leads out of the build context",
        where=path,
        why=f"it is {real}",
        code=ExitCode.INPUT,
        fix="copy the file into the context, or build from a folder above",
    )


def _in_a_circle(path: Path, real: Path) -> BundlerError:
    return BundlerError(
        "a symbolic link leads to a folder that it lies in",
        where=path,
        why=f"it is {real}",
        code=ExitCode.INPUT,
        fix="remove the link",
    )


def store_file(store: Store, path: Path, name: str) -> Blob:
    """Put a file into the store; one that is there already is only read, not written again."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in read_chunks(stream):
            hasher.update(chunk)
        digest = Digest(hasher.hexdigest())
        size = stream.tell()
        stream.seek(0)
        try:
            return store.add(read_chunks(stream), digest=digest, size=size, name=name)
        except BundlerError as error:
            if error.code is not ExitCode.INTEGRITY:
                raise
            raise BundlerError(
                "the file changed while it was copied",
                where=path,
                code=ExitCode.INPUT,
                fix="build again when nothing writes to it any more",
            ) from error


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except NotADirectoryError:
        return []


def _read_ignore(root: Path) -> Ignore:
    for name in (NAME, DOCKERS):
        try:
            return Ignore.parse((root / name).read_text(encoding="utf-8-sig"), name)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise BundlerError(
                "it can't be read", where=root / name, why=str(error), code=ExitCode.INPUT
            ) from error
    return Ignore()
