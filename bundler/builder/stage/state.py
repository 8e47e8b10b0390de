"""What has come together up to a line of a Kubefile, and what a whole one comes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bundler.builder.cache.store import Blob
from bundler.builder.charts.values import ValueSet
from bundler.builder.kubefile.source import KubefileText, did_you_mean
from bundler.builder.kubefile.words import Word
from bundler.builder.oci.model import ResolvedImage
from bundler.builder.stage.apps import Draft, finished, launch_order, plugin_choice, with_built
from bundler.builder.tree.tree import Tree
from bundler.core.errors import Location, Problem, Problems
from bundler.core.index import App, OsPackage
from bundler.core.versions import is_version, matches

KUBERNETES_LABEL = "io.kubernetes.version"
_SEALER = "cluster.alpha.sealer.io/cluster-runtime"  # Sealer's bases say it in two labels, -type and -version

# A folder for what only RUN needs, of this Kubefile and of those that build on it: it is in no bundle.
BUILD_ONLY = ".build"


@dataclass(frozen=True, slots=True)
class ImageWish:
    """One word of IMAGE.

    context: the folder that paths in it count from. line: the source line, for messages. signatures: with
    what its registry keeps beside it.
    """

    reference: str
    context: Path
    location: Location
    line: str
    signatures: bool = False


@dataclass(frozen=True, slots=True)
class PackageWish:
    """One name of PACKAGE; `suite` as `debian:bookworm`, `line`: the source line, for messages."""

    suite: str
    name: str
    location: Location
    line: str


@dataclass(frozen=True, slots=True)
class KubeWish:
    """A KUBEVERSION; `source`: the file, for messages."""

    range: str
    location: Location
    source: KubefileText


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a .run as base brings besides its files; all of it lies in the store.

    name: the file's. package_files: all members below packages/, by path.
    """

    name: str = ""
    images: tuple[ResolvedImage, ...] = ()
    packages: tuple[OsPackage, ...] = ()
    package_files: tuple[tuple[str, Blob], ...] = ()
    kube_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """What a Kubefile comes to.

    value_sets: by an app's folder, what its chart is looked through with besides its own values.
    launch: apps in order, plug-ins first. commands: CMDS lines. kube_versions: ranges that must all hold.
    """

    tree: Tree
    env: Mapping[str, str]
    labels: Mapping[str, str]
    apps: tuple[App, ...]
    launch: tuple[str, ...]
    commands: tuple[str, ...]
    images: tuple[ImageWish, ...]
    packages: tuple[PackageWish, ...]
    kube_versions: tuple[str, ...]
    value_sets: Mapping[str, tuple[ValueSet, ...]] = field(default_factory=dict)
    inherited: Inherited = field(default_factory=Inherited)


@dataclass(frozen=True, slots=True)
class State:
    """All but the variables; `apps` in the order of their definitions, `launch` with the words' places."""

    tree: Tree = field(default_factory=Tree)
    labels: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, Draft] = field(default_factory=dict)
    launch: tuple[Word, ...] = ()
    commands: tuple[str, ...] = ()
    images: tuple[ImageWish, ...] = ()
    packages: tuple[PackageWish, ...] = ()
    kube_versions: tuple[KubeWish, ...] = ()
    inherited: Inherited = field(default_factory=Inherited)


def kubernetes_label(labels: Mapping[str, str]) -> tuple[str, str]:
    """Which label says what Kubernetes a bundle installs, and its version, "" where it installs none."""
    if KUBERNETES_LABEL not in labels and labels.get(f"{_SEALER}-type") == "kubernetes":
        return f"{_SEALER}-version", labels.get(f"{_SEALER}-version", "")
    return KUBERNETES_LABEL, labels.get(KUBERNETES_LABEL, "")


def staged(state: State, env: Mapping[str, str], source: KubefileText) -> Staged:
    """Close the books: every app gets its kind, LAUNCH its order. Raises Problems with all that is wrong."""
    results = [finished(draft, state.tree) for draft in state.apps.values()]
    problems = [result for result in results if isinstance(result, Problem)]
    problems += _unknown(state, source)
    problems += _unfit(state, source)
    if (choice := plugin_choice(state.apps, {word.text for word in state.launch})) is not None:
        problems.append(choice)
    if problems:
        raise Problems(tuple(problems))
    apps = tuple(result for result in results if isinstance(result, App))
    return Staged(
        tree=with_built(state.tree.without(BUILD_ONLY), state.apps.values()),
        env=dict(env),
        labels=dict(state.labels),
        apps=apps,
        launch=launch_order(apps, tuple(word.text for word in state.launch)),
        commands=state.commands,
        images=state.images,
        packages=state.packages,
        kube_versions=tuple(
            dict.fromkeys((*state.inherited.kube_versions, *(wish.range for wish in state.kube_versions)))
        ),
        value_sets={draft.path: draft.also for draft in state.apps.values() if draft.also},
        inherited=state.inherited,
    )


def _unfit(state: State, source: KubefileText) -> Iterator[Problem]:
    """KUBEVERSION lines that leave out the Kubernetes that the bundle installs."""
    _, version = kubernetes_label(state.labels)
    if not is_version(version):
        return  # there is none, or it is reported where the label is read
    told = f"the bundle installs Kubernetes {version}, which is not"
    hint = "take a base with a version that fits, or change the range"
    for text in state.inherited.kube_versions:
        if not matches(text, version):
            where = Location(source.file, 1)
            message = f"{told} in {text}, the KUBEVERSION of {state.inherited.name}"
            yield source.problem(where, "kube-version-unfit", message, hint)
    for wish in state.kube_versions:
        if not matches(wish.range, version):
            yield wish.source.problem(wish.location, "kube-version-unfit", f"{told} in {wish.range}", hint)


def _unknown(state: State, source: KubefileText) -> list[Problem]:
    return [
        source.problem(
            word.location,
            "launch-unknown-app",
            f"there is no app {word.text}",
            did_you_mean(word.text, tuple(state.apps)) or "define it above with APP",
        )
        for word in state.launch
        if word.text not in state.apps
    ]
