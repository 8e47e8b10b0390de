"""Apps that are charts: made whole with what they depend on, and given the Kubefile's values."""

import posixpath
from collections.abc import Callable, Iterator

from bundler.builder.cache.store import Blob
from bundler.builder.charts.doubled import VALUES, doubled_keys
from bundler.builder.charts.values import Values, ValueSet, merged, written
from bundler.builder.kubefile.instructions import App
from bundler.builder.kubefile.scope import Scope
from bundler.builder.kubefile.words import Word
from bundler.builder.stage.bring import LOCAL, Bringer
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.diagnostics import blamed
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, ExitCode, Problems

_MARK = "Chart.yaml"


def chart_app(files: Tree, app: App, scope: Scope, bringer: Bringer, build_context: BuildContext) -> Tree:
    """An app's files; those of a chart with its dependencies in `charts/` and --values in values.yaml.

    Raises Problems and BundlerError (NETWORK, NOT_FOUND, INTEGRITY, …).
    """
    if _MARK not in files.entries:
        _refuse_values(app, scope)
        return files
    with blamed(scope.source, app.name.location, "chart-dependencies"):
        files = build_context.charts.complete(files, app.name.text, _beside(app, scope, bringer))
    layers = [
        values
        for word in _words(app.values, ",", scope)
        for values in _read(word, scope, bringer, build_context)
    ]
    if not layers:
        return files
    with blamed(scope.source, app.name.location, "chart-values"):
        whole = written(merged((_own(files, app.name.text, build_context), *layers)))
    blob = build_context.store.add((whole,), digest=None, size=len(whole), name=VALUES)
    return files.add({VALUES: File(0o644, blob.size, blob.digest)})


def value_sets(app: App, scope: Scope, bringer: Bringer, build_context: BuildContext) -> tuple[ValueSet, ...]:
    """What --also-values names: sets by commas, the files of one set by plus signs. Raises Problems."""
    return tuple(
        ValueSet(
            word.text,
            merged(v for part in _parts(word, "+") for v in _read(part, scope, bringer, build_context)),
        )
        for word in _words(app.also, ",", scope)
    )


def _beside(app: App, scope: Scope, bringer: Bringer) -> Callable[[str], Tree]:
    """Gives the chart that a `file://` path leads to, seen from the app's folder in the build context."""
    source = app.sources[0]
    text = scope.value(source)

    def folder(path: str) -> Tree:
        if not text.startswith(LOCAL) or path.startswith("/"):
            raise BundlerError(
                f"the dependency file://{path} is not in the build context",
                where=app.name.text,
                fix="put it into the chart's charts/ folder",
                code=ExitCode.INPUT,
            )
        return bringer.folder(posixpath.normpath(posixpath.join(text.removeprefix(LOCAL), path)))

    return folder


def _own(files: Tree, app: str, build_context: BuildContext) -> Values:
    """The chart's own values; duplicate keys are reported now, as the Kubefile's override them."""
    entry = files.entries.get(VALUES)
    if not isinstance(entry, File):
        return {}
    file = f"{app}/{VALUES}"
    text = b"".join(build_context.store.chunks(Blob(entry.digest, entry.size), name=file))
    for problem in doubled_keys(text, file):
        build_context.progress.say(f"warning: {problem}")
    return build_context.charts.values(text, file, own=True)


def _read(word: Word, scope: Scope, bringer: Bringer, build_context: BuildContext) -> Iterator[Values]:
    """The files that a word names, by a pattern even several."""
    with blamed(scope.source, word.location, "chart-values"):
        for name, text in bringer.texts(word.text):
            yield build_context.charts.values(text, name)


def _words(flag: Word | None, separator: str, scope: Scope) -> tuple[Word, ...]:
    return () if flag is None else _parts(Word(scope.value(flag), flag.location), separator)


def _parts(word: Word, separator: str) -> tuple[Word, ...]:
    return tuple(Word(part, word.location) for part in word.text.split(separator) if part)


def _refuse_values(app: App, scope: Scope) -> None:
    for flag in (app.values, app.also):
        if flag is not None:
            message = f"{app.name.text} is no chart, so it takes no values"
            raise Problems((scope.source.problem(flag.location, "bad-flag", message, "use ENV or APPENV"),))
