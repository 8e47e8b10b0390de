"""How the staged apps and commands are launched, as far as a search for images needs it."""

import shlex
from collections.abc import Iterator

from bundler.builder.cache.store import Store
from bundler.builder.discovery.applied import Script, read
from bundler.builder.discovery.discover import Launch
from bundler.builder.stage.state import Staged
from bundler.builder.tree.tree import Tree
from bundler.core.index import App, AppKind


def launch_of(staged: Staged, tree: Tree, store: Store, kube_version: str) -> Launch:
    """What `discover` goes by; kube_version: what the bundle installs."""
    return Launch(
        kube_version=kube_version,
        value_sets=staged.value_sets,
        namespaces={app.name: app.namespace for app in staged.apps},
        scripts=tuple(_scripts(staged, tree, store)),
    )


def _scripts(staged: Staged, tree: Tree, store: Store) -> Iterator[Script]:
    for line in staged.commands:
        yield Script(line, "", "", "CMDS", staged.env)
    for app in staged.apps:
        variables = {**staged.env, **app.env}
        for text, where in _texts(app, tree, store):
            yield Script(text, app.path, app.name, where, variables)


def _texts(app: App, tree: Tree, store: Store) -> Iterator[tuple[str, str]]:
    """Text and place of an app's commands, or of the scripts that are run in their place."""
    for argv in app.commands:
        yield shlex.join(argv), f"APPCMDS {app.name}"
    if app.kind is AppKind.SHELL:
        for path in sorted(tree.subtree(app.path).entries):
            if (text := read(tree, f"{app.path}/{path}", store)) is not None:
                yield text, f"{app.path}/{path}"
