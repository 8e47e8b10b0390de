"""COPY, ADD and APP: content from the build context, from heredocs and from URLs into the tree."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bundler.builder.kubefile.instructions import Add, App, Copy
from bundler.builder.kubefile.lexer import Heredoc
from bundler.builder.kubefile.scope import Scope
from bundler.builder.kubefile.source import KubefileText
from bundler.builder.kubefile.words import Word
from bundler.builder.net.http import display
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.context import Context
from bundler.builder.stage.diagnostics import blamed
from bundler.builder.stage.downloads import Checksum, SumsFile, parse_checksum, take
from bundler.builder.stage.place import is_folder, placed_file, placed_folder
from bundler.builder.stage.unpack import unpack
from bundler.builder.tree.tree import File, Tree, clean_path, normal_mode
from bundler.core.chart_reference import SCHEMES as CHART_SCHEMES
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems

_URLS = ("https://", "http://", "file://", *CHART_SCHEMES)
LOCAL = "local://"
_MAX_TEXT = 4 << 20  # bytes of a file that is read whole


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """What an instruction wants, variables put in.

    sources: values; in the build context unless they are URLs. single: there is exactly one thing to bring.
    """

    source: KubefileText  # the Kubefile, for messages
    sources: tuple[Word, ...]
    heredocs: tuple[tuple[Heredoc, bytes], ...]
    destination: str
    single: bool
    mode: int | None = None
    checksum: Checksum | None = None
    unpack: bool = False
    keyword: str = "ADD"


def ordered(instruction: Copy | Add | App, scope: Scope, destination: str = "") -> CopyOrder:
    """Put the variables in; `destination`: an app's folder. Raises Problems."""
    words = tuple(Word(scope.value(word), word.location) for word in instruction.sources)
    if isinstance(instruction, App):
        local = tuple(Word(word.text.removeprefix(LOCAL), word.location) for word in words)
        checksum = _checksum(instruction.checksum, scope)
        return CopyOrder(
            scope.source, local, (), f"{destination}/", single=False, checksum=checksum, keyword="APP"
        )
    heredocs = tuple((heredoc, scope.body(heredoc).encode()) for heredoc in instruction.heredocs)
    order = CopyOrder(
        scope.source,
        words,
        heredocs,
        _destination(instruction.destination, scope),
        single=len(words) + len(heredocs) == 1,
        mode=instruction.mode,
    )
    if isinstance(instruction, Copy):
        return order
    return replace(order, checksum=_checksum(instruction.checksum, scope), unpack=instruction.unpack)


def is_elsewhere(instruction: Copy | Add | App, scope: Scope) -> bool:
    """Whether it brings anything by a URL or from a registry."""
    return any(scope.value(word).startswith(_URLS) for word in instruction.sources)


def _destination(word: Word, scope: Scope) -> str:
    text = scope.value(word)
    with blamed(scope.source, word.location, "bad-path"):
        clean_path(text)
    return text


def _checksum(word: Word | None, scope: Scope) -> Checksum | None:
    if word is None:
        return None
    with blamed(scope.source, word.location, "bad-flag"):
        return parse_checksum(scope.value(word))


class Bringer:
    """Carries orders out, with one folder as build context."""

    def __init__(self, context: Path, build_context: BuildContext) -> None:
        self._context = Context(context, build_context.store, build_context.keep)
        self._build_context = build_context

    @property
    def remark(self) -> str:
        """What to know of how files are chosen, "" for nothing."""
        return self._context.remark

    def missing(self, order: CopyOrder) -> tuple[Problem, ...]:
        """The sources that the build context hasn't got, or that lead out of it."""
        problems: list[Problem] = []
        for word in order.sources:
            if word.text.startswith(_URLS):
                continue
            try:
                with blamed(order.source, word.location, "source-outside"):
                    self._context.find(word.text)
            except Problems as error:
                problems += error.problems
        return tuple(problems)

    def bring(self, tree: Tree, order: CopyOrder) -> Tree:
        """The tree with what was ordered. Raises Problems, BundlerError (NETWORK, INTEGRITY, SPACE, …)."""
        for word in order.sources:
            self._build_context.progress.log(f"{word.location}: {_shown(word.text)} -> {order.destination}")
            if word.text.startswith(_URLS):
                tree = self._fetch(tree, word, order)
            else:
                tree = self._copy(tree, word, order)
        for heredoc, data in order.heredocs:
            blob = self._build_context.store.add([data], digest=None, size=len(data), name=heredoc.name)
            mode = 0o644 if order.mode is None else order.mode
            file = File(mode, blob.size, blob.digest)
            word = Word(heredoc.name, heredoc.location)
            tree = self._put(tree, word, order, heredoc.name, file)
        return tree

    def _chart(self, tree: Tree, word: Word, order: CopyOrder) -> Tree:
        with blamed(order.source, word.location, "bad-source"):
            checksum = _plain(order.checksum)
            name, blob = self._build_context.charts.fetch(word.text, checksum, why=f"APP in {word.location}")
        return self._put(tree, word, order, name, File(0o644, blob.size, blob.digest))

    def _fetch(self, tree: Tree, word: Word, order: CopyOrder) -> Tree:
        if word.text.startswith(CHART_SCHEMES):
            return self._chart(tree, word, order)
        with blamed(order.source, word.location, "bad-source"):
            name = unquote(urlsplit(word.text).path).rpartition("/")[2]
            if not name:
                fix = "give the whole address of a file"
                raise BundlerError(f"{_shown(word.text)} names no file", code=ExitCode.INPUT, fix=fix)
            why = f"{order.keyword} in {word.location}"
            blob = take(word.text, name, order.checksum, why, self._build_context)
        mode = 0o644 if order.mode is None else order.mode
        return self._put(tree, word, order, name, File(mode, blob.size, blob.digest))

    def _copy(self, tree: Tree, word: Word, order: CopyOrder) -> Tree:
        with blamed(order.source, word.location, "source-outside"):
            found = self._context.find(word.text)
        order = replace(order, single=order.single and len(found) == 1)
        for one in found:
            with blamed(order.source, word.location, "source-special"):
                contents = self._context.tree(one, order.mode, whole=order.keyword == "APP")
            if one.is_folder:
                with blamed(order.source, word.location, "path-conflict"):
                    tree = placed_folder(tree, order.destination, contents)
                continue
            for name, file in contents.files():
                self._check(file, word, order)
                tree = self._put(tree, word, order, name, file)
        return tree

    def folder(self, path: str) -> Tree:
        """One folder of the build context. Raises BundlerError (NOT_FOUND, INPUT)."""
        found = self._context.find(path)
        return self._context.tree(found[0], whole=True)

    def place(self, path: str) -> tuple[Path, Path]:
        """Where a file or folder of the build context really lies, and the context's own folder.

        Raises BundlerError (NOT_FOUND, INPUT).
        """
        return self._context.find(path)[0].path, self._context.root

    def texts(self, pattern: str) -> Iterator[tuple[str, bytes]]:
        """Names and contents of small files of the build context. Raises BundlerError (NOT_FOUND, INPUT)."""
        for one in self._context.find(pattern):
            if one.is_folder or one.path.stat().st_size > _MAX_TEXT:
                raise BundlerError(
                    f"{one.name} is no small file", where=one.path, code=ExitCode.INPUT, fix="name a file"
                )
            yield one.name, one.path.read_bytes()

    def unpacked_chart(self, files: Tree) -> Tree:
        """An app's files; when they are one packed chart, as `helm package` makes it, what is in it."""
        match list(files.entries.items()):
            case [(name, File(digest=digest))] if name.endswith(".tgz"):
                with self._build_context.store.open(digest) as stream:
                    contents = unpack(stream, self._build_context.store, name)
            case _:
                return files
        tops = {path.partition("/")[0] for path in contents.entries}
        chart = contents.subtree(tops.pop()) if len(tops) == 1 else Tree()
        return chart if "Chart.yaml" in chart.entries else files

    def _put(self, tree: Tree, word: Word, order: CopyOrder, name: str, file: File) -> Tree:
        if not order.unpack:
            self._check_destination(tree, word, order)
            with blamed(order.source, word.location, "path-conflict"):
                return placed_file(tree, order.destination, name, file)
        with (
            blamed(order.source, word.location, "bad-archive"),
            self._build_context.store.open(file.digest) as stream,
        ):
            contents = _with_mode(unpack(stream, self._build_context.store, name), order.mode)
            return placed_folder(tree, order.destination, contents)

    @staticmethod
    def _check_destination(tree: Tree, word: Word, order: CopyOrder) -> None:
        if not order.single and not is_folder(order.destination, tree):
            message = f"{order.destination} is no folder, several files can't go there"
            problem = order.source.problem(
                word.location, "needs-folder", message, f"write {order.destination}/"
            )
            raise Problems((problem,))

    @staticmethod
    def _check(file: File, word: Word, order: CopyOrder) -> None:
        """--checksum holds for files of the build context too."""
        if _plain(order.checksum) not in {None, file.digest}:
            raise BundlerError(
                f"{word.text} is not what --checksum says",
                where=word.location,
                why=f"expected {order.checksum}, the file has {file.digest}",
                code=ExitCode.INTEGRITY,
                fix="find out what changed the file; if the change is right, correct the checksum",
            )


def _plain(checksum: Checksum | None) -> Digest | None:
    """A digest that is written out. Raises BundlerError (INPUT) for a file of checksums."""
    if isinstance(checksum, SumsFile):
        raise BundlerError(
            "a file of checksums is for a file by https://, http:// or file://",
            code=ExitCode.INPUT,
            fix="write the digest out: --checksum=sha256:<64 hex digits>",
        )
    return checksum


def _shown(source: str) -> str:
    """A source for the log: a URL without what may be secret."""
    return display(source) if source.startswith(_URLS) else source


def _with_mode(tree: Tree, mode: int | None) -> Tree:
    """--chmod for all files of an archive; without it they are as executable as they were."""
    entries = {
        path: replace(entry, mode=normal_mode(entry.mode) if mode is None else mode)
        if isinstance(entry, File)
        else entry
        for path, entry in tree.entries.items()
    }
    return Tree(entries)
