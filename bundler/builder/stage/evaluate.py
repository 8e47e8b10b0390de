"""A Kubefile with its bases → the staged tree and the bundle's other properties."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.builder.kubefile.instructions import (
    Add,
    App,
    AppCmds,
    AppEnv,
    Arg,
    Cmds,
    Copy,
    Env,
    From,
    Image,
    Include,
    Instruction,
    KubeVersion,
    Label,
    Launch,
    Package,
    Run,
)
from bundler.builder.kubefile.scope import Scope
from bundler.builder.kubefile.source import did_you_mean
from bundler.builder.kubefile.words import Word
from bundler.builder.oci.model import LocalSource, parse_source
from bundler.builder.stage.apps import Draft, draft
from bundler.builder.stage.block_rules import check_apps, labels_of
from bundler.builder.stage.bring import Bringer, ordered
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.chart_apps import chart_app, value_sets
from bundler.builder.stage.diagnostics import blamed
from bundler.builder.stage.from_run import begin_from
from bundler.builder.stage.kustomize_apps import kustomized
from bundler.builder.stage.load import Loaded, all_files
from bundler.builder.stage.run import run
from bundler.builder.stage.state import ImageWish, KubeWish, PackageWish, Staged, State, staged
from bundler.builder.tree.tree import Tree
from bundler.core.errors import BundlerError, ExitCode, Problem, Problems
from bundler.core.versions import RANGE_HINT, valid_range


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction with the variables that hold at its line, and what its file has to work with."""

    instruction: Instruction
    scope: Scope
    context: Path
    bringer: Bringer


@dataclass(frozen=True, slots=True)
class Prepared:
    """All steps of a chain, file by file; scope: at the end of the last file."""

    files: tuple[tuple[Loaded, tuple[Step, ...]], ...]
    scope: Scope

    @property
    def steps(self) -> Iterator[Step]:
        """Those of all files, in order."""
        return (step for _, steps in self.files for step in steps)


Do = Callable[[State, Step, BuildContext], State]


def evaluate(chain: Sequence[Loaded], build_context: BuildContext) -> Staged:
    """Carry out a Kubefile behind its bases, as `load_chain` gives them; each has its own build context.

    What can be known beforehand is checked first, so that a slip in the last line doesn't cost a long RUN.
    Raises Problems for faults of a Kubefile and BundlerError (NETWORK, INTEGRITY, BUILD, SPACE, UNSUPPORTED).
    """
    for finding in chain[-1].warnings:
        build_context.progress.say(f"{finding.severity}: {finding.problem}")
    prepared = prepare(chain, build_context)
    if missing := tuple(missing_sources(prepared.steps)):
        raise Problems(missing, code=ExitCode.NOT_FOUND)
    for remark in dict.fromkeys(step.bringer.remark for step in prepared.steps if _takes_files(step)):
        if remark:
            build_context.progress.say(f"note: {remark}")
    base = chain[0].base
    state = (
        State() if base is None else begin_from(base, f"FROM in {chain[0].rest[0].location}", build_context)
    )
    state = perform(prepared, state, build_context, carried_out)
    return staged(state, prepared.scope.env, prepared.scope.source)


def prepare(chain: Sequence[Loaded], build_context: BuildContext) -> Prepared:
    """The steps of a chain with their variables, which depend on nothing that is done. Raises Problems."""
    base = chain[0].base
    scope = chain[0].scope if base is None else chain[0].scope.with_env(base.index.env)
    files: list[tuple[Loaded, tuple[Step, ...]]] = []
    for loaded in all_files(chain):
        steps, scope = _steps(loaded, scope, build_context)
        files.append((loaded, tuple(steps)))
    return Prepared(tuple(files), scope)


def perform(prepared: Prepared, state: State, build_context: BuildContext, do: Do) -> State:
    """What comes of all steps; do: what comes of one. Raises as `do`, and Problems for colliding blocks."""
    fresh = True  # LAUNCH and CMDS of a base are not inherited, those of blocks are
    for loaded, steps in prepared.files:
        before = replace(state, launch=(), commands=()) if fresh else state
        state = replace(before, launch=())
        for step in steps:
            state = do(state, step, build_context)
        if loaded.block:
            check_apps(before, state, loaded)
            state = replace(state, labels=labels_of(before, state, loaded))
        state = replace(state, launch=(*before.launch, *state.launch))
        fresh = not loaded.block
    return state


def _steps(loaded: Loaded, before: Scope, build_context: BuildContext) -> tuple[list[Step], Scope]:
    """The steps of one file and the scope at its end."""
    bringer = Bringer(loaded.context, build_context)
    scope = loaded.scope.after_from(before.env)
    steps: list[Step] = []
    for instruction in loaded.rest:
        steps.append(Step(instruction, scope, loaded.context, bringer))
        match instruction:
            case Arg():
                scope = scope.with_arg(instruction)
            case Env(values=values):
                scope = scope.with_env(scope.pairs(values))
            case _:
                pass
    return steps, scope


def missing_sources(steps: Iterable[Step]) -> Iterator[Problem]:
    """All files that the build contexts lack."""
    for step in steps:
        match step.instruction:
            case Copy() | Add() | App() as instruction:
                yield from step.bringer.missing(ordered(instruction, step.scope))
            case Image(references=words):
                yield from (problem for word in words if (problem := _missing_archive(word, step)))
            case _:
                pass


def _takes_files(step: Step) -> bool:
    return isinstance(step.instruction, Copy | Add | App)


def _missing_archive(word: Word, step: Step) -> Problem | None:
    """What names no image at all is reported where images are resolved."""
    try:
        source = parse_source(step.scope.value(word), step.context)
    except BundlerError:
        return None
    if not isinstance(source, LocalSource) or source.path == Path() or source.path.exists():
        return None
    message = f"there is no {source.path.name} in the build context"
    hint = "paths count from the folder that is given to `bundler make`"
    return step.scope.source.problem(word.location, "source-not-found", message, hint)


def carried_out(state: State, step: Step, build_context: BuildContext) -> State:
    """What comes of one step. Raises as `evaluate` does."""
    match step.instruction:
        case Copy() | Add() as instruction:
            return replace(state, tree=step.bringer.bring(state.tree, ordered(instruction, step.scope)))
        case Run() as instruction:
            return replace(state, tree=run(instruction, state.tree, step.scope.for_commands(), build_context))
        case App() as instruction:
            return _app(state, instruction, step, build_context)
        case AppCmds() | AppEnv() as instruction:
            return _app_told(state, instruction, step.scope)
        case From() | Include() | Arg() | Env():
            return state  # all that they do is in the scopes
        case instruction:
            return _declared(state, instruction, step)


def _declared(
    state: State, instruction: Label | Launch | Cmds | KubeVersion | Image | Package, step: Step
) -> State:
    """What goes to the bundle's index and changes no file."""
    value = step.scope.value
    match instruction:
        case Label(values=values):
            return replace(state, labels={**state.labels, **step.scope.pairs(values)})
        case Launch(names=names):
            return replace(state, launch=tuple(Word(value(name), name.location) for name in names))
        case Cmds(lines=lines):
            return replace(state, commands=(*state.commands, *lines))
        case KubeVersion():
            wish = KubeWish(_range(instruction, step.scope), instruction.range.location, step.scope.source)
            return replace(state, kube_versions=(*state.kube_versions, wish))
        case Image(references=words, signatures=signed):
            images = tuple(
                ImageWish(value(w), step.context, w.location, _line(w, step.scope), signed) for w in words
            )
            return replace(state, images=(*state.images, *images))
        case Package(suite=suite, names=words):
            packages = tuple(
                PackageWish(value(suite), value(w), w.location, _line(w, step.scope)) for w in words
            )
            return replace(state, packages=(*state.packages, *packages))


def _line(word: Word, scope: Scope) -> str:
    return scope.source.problem(word.location, "", "").text


def _range(instruction: KubeVersion, scope: Scope) -> str:
    text = scope.value(instruction.range)
    if not valid_range(text):
        where = instruction.range.location
        message = f"not a range of versions: {text}"
        raise Problems((scope.source.problem(where, "bad-kube-version", message, RANGE_HINT),))
    return text


def begun(instruction: App, scope: Scope) -> Draft:
    """The app as APP, CNI or CSI begin it, without files. Raises Problems."""
    namespace = scope.value(instruction.namespace) if instruction.namespace else ""
    return draft(instruction, scope.source, namespace)


def _app(state: State, instruction: App, step: Step, build_context: BuildContext) -> State:
    """A new app, or one in the place of a former one of that name, whose files and settings are dropped."""
    made = begun(instruction, step.scope)
    order = ordered(instruction, step.scope, made.path)
    others = {name: other for name, other in state.apps.items() if name != made.name}
    brought = step.bringer.bring(Tree(), order).subtree(made.path)
    with blamed(step.scope.source, instruction.sources[0].location, "bad-archive"):
        files = step.bringer.unpacked_chart(brought)
    files = chart_app(files, instruction, step.scope, step.bringer, build_context)
    made = replace(
        made,
        also=value_sets(instruction, step.scope, step.bringer, build_context),
        built=kustomized(files, instruction, step.scope, step.bringer, build_context, state.tree),
    )
    tree = state.tree.without(made.path).merge(files, made.path)
    return replace(state, tree=tree, apps={**others, made.name: made})


def _app_told(state: State, instruction: AppCmds | AppEnv, scope: Scope) -> State:
    match instruction:
        case AppCmds(name=name, commands=commands):
            return _changed(state, name, scope, lambda app: replace(app, commands=commands))
        case AppEnv(name=name, values=values):
            given = scope.pairs(values)
            return _changed(state, name, scope, lambda app: replace(app, env={**app.env, **given}))


def _changed(state: State, name: Word, scope: Scope, change: Callable[[Draft], Draft]) -> State:
    if name.text not in state.apps:
        hint = did_you_mean(name.text, tuple(state.apps)) or "define it above with APP"
        problem = scope.source.problem(
            name.location, "app-unknown", f"there is no app {name.text} above", hint
        )
        raise Problems((problem,))
    return replace(state, apps={**state.apps, name.text: change(state.apps[name.text])})
