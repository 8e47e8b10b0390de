"""What an app's files are decides how it is launched. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bundler.builder.charts.values import ValueSet
from bundler.builder.kubefile.instructions import App as Instruction
from bundler.builder.kubefile.source import KubefileText
from bundler.builder.tree.tree import Tree
from bundler.core.errors import Location, Problem, Problems
from bundler.core.index import NAMESPACE, App, AppKind, AppRole

ROOT = "application/apps"


@dataclass(frozen=True, slots=True)
class Draft:
    """An app while its Kubefile is still being read.

    problem: what is said if its kind can't be told. also: values that a site may choose, for their images.
    built: what Kustomize makes of it, or why it can't; only for an app that has no commands of its own.
    """

    name: str
    role: AppRole
    location: Location
    problem: Problem
    source: KubefileText
    commands: tuple[tuple[str, ...], ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    also: tuple[ValueSet, ...] = ()
    namespace: str = ""
    privileged: bool = False
    built: Tree | Problem | None = None

    @property
    def path(self) -> str:
        """Its folder in the tree."""
        return f"{ROOT}/{self.name}"


def kind_of(files: Tree) -> AppKind | None:
    """How an app with these files is launched by default; None when they don't tell.

    `.tmpl` behind a name doesn't count: such files are rendered on site.
    """
    names = [path.removesuffix(".tmpl").lower() for path in files.entries]
    if "Chart.yaml" in files.entries and (files.is_folder("templates") or files.is_folder("charts")):
        return AppKind.HELM
    if names and all(name.endswith((".yaml", ".yml")) for name in names):
        return AppKind.KUBE
    if names and all(name.endswith(".sh") for name in names):
        return AppKind.SHELL
    return None


def finished(draft: Draft, tree: Tree) -> App | Problem:
    """The app as the index has it, or why it can't be launched."""
    kind = AppKind.COMMANDS if draft.commands else kind_of(tree.subtree(draft.path))
    if draft.built is not None and not draft.commands:
        if isinstance(draft.built, Problem):
            return draft.built
        kind = AppKind.KUBE
    if kind is None:
        return draft.problem
    if kind is AppKind.HELM and draft.name != draft.name.lower():
        message = f"{draft.name} is a chart, and the name of a Helm release has no capitals"
        hint = f"write APP {draft.name.lower()}, here and where it is named"
        return draft.source.problem(draft.location, "bad-app-name", message, hint)
    if draft.namespace and kind not in {AppKind.HELM, AppKind.KUBE}:
        message = f"{draft.name} is started by its own commands, which choose their namespaces themselves"
        return draft.source.problem(draft.location, "bad-flag", message, "take --namespace out")
    return App(
        draft.name,
        kind,
        draft.role,
        draft.path,
        draft.commands,
        dict(draft.env),
        draft.namespace,
        draft.privileged,
    )


def with_built(tree: Tree, drafts: Iterable[Draft]) -> Tree:
    """The tree with what Kustomize makes of apps in the place of what it is made of."""
    for made in drafts:
        if isinstance(made.built, Tree) and not made.commands:
            tree = tree.without(made.path).merge(made.built, made.path)
    return tree


def draft(instruction: Instruction, source: KubefileText, namespace: str) -> Draft:
    """The app as APP, CNI or CSI begin it; namespace: with its variables put in. Raises Problems."""
    name, where = instruction.name.text, instruction.name.location
    message = f"it is unclear how to launch {name}: it is neither a chart, nor all YAML, nor all .sh"
    problem = source.problem(where, "app-kind-unknown", message, f'add APPCMDS {name} ["command line"]')
    if namespace and not NAMESPACE.fullmatch(namespace):
        hint = "lower-case letters, digits and `-`, at most 63"
        wrong = source.problem(where, "bad-flag", f"not a namespace: {namespace[:80]}", hint)
        raise Problems((wrong,))
    return Draft(
        name,
        instruction.role,
        where,
        problem,
        source,
        namespace=namespace,
        privileged=instruction.privileged,
    )


def plugin_choice(drafts: Mapping[str, Draft], named: Collection[str]) -> Problem | None:
    """What is wrong when several network plug-ins are there and LAUNCH names none."""
    plugins = [made for made in drafts.values() if made.role is AppRole.CNI]
    if len(plugins) < 2 or any(made.name in named for made in plugins):
        return None
    names = ", ".join(made.name for made in plugins)
    last = plugins[-1]
    message = f"there are several CNI plug-ins: {names}"
    return last.source.problem(
        last.location, "launch-plugin-choice", message, "name the one to use in LAUNCH"
    )


def launch_order(apps: tuple[App, ...], named: tuple[str, ...]) -> tuple[str, ...]:
    """The names to launch: network, then storage, then what LAUNCH names, in its order.

    Plug-ins needn't be named: a cluster without its network is of no use. Where LAUNCH names some of
    a role, only those are meant.
    """
    first: list[str] = []
    for role in (AppRole.CNI, AppRole.CSI):
        plugins = [app.name for app in apps if app.role is role]
        first += [name for name in named if name in plugins] or plugins
    return tuple(dict.fromkeys([*first, *named]))
