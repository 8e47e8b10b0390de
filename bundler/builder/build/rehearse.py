"""What `make` would refuse, found without a network, a RUN or a download.

It is the part of `bundler lint` that looks at the build context.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bundler.builder.build.archives import check_archives
from bundler.builder.build.glance import Glance, HereOnly
from bundler.builder.build.launching import launch_of
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.resolve import asked, check
from bundler.builder.charts.helm import SdkHelm
from bundler.builder.discovery.discover import discover
from bundler.builder.discovery.report import rules_for
from bundler.builder.kubefile.instructions import Add, App, Arg, Copy, Env, From, Run
from bundler.builder.kubefile.lint import read_kubefile
from bundler.builder.kubefile.parser import read
from bundler.builder.kubefile.source import Finding, Severity
from bundler.builder.kubefile.variables import words_of
from bundler.builder.kubefile.words import variables
from bundler.builder.model.spec import identify, tree_contents
from bundler.builder.net.fetch import Fetcher
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.stage.apps import Draft
from bundler.builder.stage.bring import is_elsewhere
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.evaluate import (
    Prepared,
    Step,
    begun,
    carried_out,
    missing_sources,
    perform,
    prepare,
)
from bundler.builder.stage.from_run import outline_of
from bundler.builder.stage.state import Staged, State, staged
from bundler.builder.tree.tree import Tree
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems

_APPS = "application/apps/"
_LATER = (("known only when it is built",),)


def rehearse(request: BuildRequest) -> tuple[Finding, ...]:
    """What a build of this order would be refused for, or warned of; its text has no errors.

    What depends on a RUN, on a download or on an ARG without a value is not judged.
    """
    told = _Told(str(request.kubefile))
    with told.caught():
        if not _is_base_open(request):
            _rehearse(request, told)
    return tuple(dict.fromkeys(told.findings))


@dataclass(slots=True)
class _Told:
    """Collects findings; sure: nothing was left out so far that may change the tree."""

    kubefile: str
    findings: list[Finding] = field(default_factory=list)
    sure: bool = True

    def error(self, problem: Problem) -> None:
        self.findings.append(Finding(problem, Severity.ERROR))

    def refused(self, error: BundlerError, place: Location | None = None) -> None:
        """What was raised, at its own place or else at `place`."""
        if isinstance(error, Problems):
            for problem in error.problems:
                if self.sure or problem.rule != "needs-folder":  # the folder may be a RUN's
                    self.error(problem)
        elif error.code is not ExitCode.NETWORK:
            where = error.where if isinstance(error.where, Location) else place
            why = f" ({error.why})" if error.why else ""
            at = "" if isinstance(error.where, Location) or error.where is None else f"{error.where}: "
            self.error(
                Problem(where or Location(self.kubefile), "refused", f"{at}{error.what}{why}", error.fix)
            )

    @contextmanager
    def caught(self) -> Iterator[None]:
        try:
            yield
        except BundlerError as error:
            self.refused(error)


def _is_base_open(request: BuildRequest) -> bool:
    """Whether FROM waits for a --build-arg."""
    waiting: set[str] = set()
    for instruction in read(read_kubefile(request.kubefile), str(request.kubefile)).kubefile.instructions:
        match instruction:
            case Arg(values=values):
                waiting |= {pair.name.text for pair in values if pair.value is None}
            case From(base=base):
                return bool(variables(base.text) & (waiting - request.build_args.keys()))
            case _:
                break
    return False


def _rehearse(request: BuildRequest, told: _Told) -> None:
    chain = check(request)
    with (
        TemporaryDirectory() as folder,
        Glance(Path(folder)) as store,
        Fetcher(store, offline=True) as fetcher,
    ):
        charts = HereOnly(store, fetcher, RegistryOptions(frozenset(), offline=True), SdkHelm())
        build_context = BuildContext(
            store=store,
            fetcher=fetcher,
            catalogue=request.catalogue,
            platform=request.platform,
            build_args=request.build_args,
            charts=charts,
            keep=Glance.note,
        )
        try:
            prepared = prepare(chain, build_context)
        except Problems:
            return  # ${X:?why}: an ARG waits for its value; all else was told of the text
        waiting = _waiting(prepared)
        for problem in missing_sources(step for step in prepared.steps if not _needs(step) & waiting):
            told.error(problem)
        if waiting or chain[0].in_registry is not None:
            return
        start = State() if chain[0].base is None else outline_of(chain[0].base)
        state = perform(prepared, start, build_context, _Actor(told).do)
        with told.caught():
            _judge(staged(_judged(state), prepared.scope.env, prepared.scope.source), request, store, told)


def _waiting(prepared: Prepared) -> frozenset[str]:
    """Variables whose values a --build-arg will give, and those that are made of them."""
    found: set[str] = set()
    for step in prepared.steps:
        if not isinstance(step.instruction, Arg | Env):
            continue
        after = step.scope.with_arg(step.instruction) if isinstance(step.instruction, Arg) else step.scope
        for pair in step.instruction.values:
            if pair.value is None:
                unknown = after.lookup(pair.name.text) is None
            else:
                unknown = bool(variables(pair.value.text) & found)
            if unknown:
                found.add(pair.name.text)
    return frozenset(found)


def _needs(step: Step) -> frozenset[str]:
    return frozenset().union(*(variables(word.text) for word in words_of(step.instruction)))


@dataclass(frozen=True, slots=True)
class _Actor:
    """Does what `make` does at each step, as far as it can be known now."""

    told: _Told

    def do(self, state: State, step: Step, build_context: BuildContext) -> State:
        """What comes of a step; what goes wrong is noted, and the next one is tried."""
        match step.instruction:
            case Run():
                return self._after_run(state)
            case Copy() | Add() as instruction if is_elsewhere(instruction, step.scope):
                self.told.sure = False
                return state
            case App() as instruction if is_elsewhere(instruction, step.scope):
                return self._left_open(state, instruction, step)
            case _:
                pass
        try:
            return carried_out(state, step, build_context)
        except BundlerError as error:
            self.told.refused(error, step.instruction.location)
            if isinstance(step.instruction, App):
                return self._left_open(state, step.instruction, step)
            return state

    def _after_run(self, state: State) -> State:
        """A RUN may have changed every file so far."""
        self.told.sure = False
        return replace(state, tree=Tree(), apps={name: _open(made) for name, made in state.apps.items()})

    @staticmethod
    def _left_open(state: State, instruction: App, step: Step) -> State:
        made = _open(begun(instruction, step.scope))
        return replace(state, tree=state.tree.without(made.path), apps={**state.apps, made.name: made})


def _open(made: Draft) -> Draft:
    """An app whose files aren't known: its kind is not asked for."""
    return replace(made, commands=made.commands or _LATER, built=None, namespace="")


def _judged(state: State) -> State:
    """Kustomize folders that nothing here can build are not judged: the bundle's kubectl may do it."""
    apps = {
        name: _open(made)
        if isinstance(made.built, Problem) and "nothing here" in made.built.message
        else made
        for name, made in state.apps.items()
    }
    return replace(state, apps=apps)


def _judge(done: Staged, request: BuildRequest, store: Glance, told: _Told) -> None:
    """What is decided of the whole."""
    kubernetes = ""
    with told.caught():
        kubernetes = identify(done.labels, request.context.resolve().name).kubernetes
    with told.caught():
        # What a RUN or a download may have put below images/ is not known yet.
        tree = done.tree if told.sure else Tree()
        left = check_archives(asked(done.images), tree, store, request.platform)
        done = replace(done, tree=left) if told.sure else done
    if told.sure:
        with told.caught():
            for _ in tree_contents(done.tree):
                pass  # links that lead nowhere
    with told.caught():
        _search(done, request, store, told, kubernetes)


def _search(done: Staged, request: BuildRequest, store: Glance, told: _Told, kubernetes: str) -> None:
    """Manifests and charts. After a RUN or a download only apps that are whole are judged."""
    seen = store.seen(done.tree)
    whole = {f"{_APPS}{app.name}/" for app in done.apps if not app.commands}
    tree = seen if told.sure else Tree({p: e for p, e in seen.entries.items() if p.startswith(tuple(whole))})
    launched = (
        done if told.sure else replace(done, commands=(), apps=tuple(a for a in done.apps if not a.commands))
    )
    found = discover(
        tree,
        store,
        helm=SdkHelm(),
        launch=launch_of(launched, tree, store, kubernetes),
        rules=rules_for(request.context, request.ignored),
    )
    for problem in found.check():
        if told.sure:
            told.findings.append(Finding(problem, Severity.WARNING))
