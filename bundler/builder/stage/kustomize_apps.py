"""Apps that are Kustomize folders: what Kustomize makes of them is what the bundle applies."""

from bundler.builder.charts.kustomize import built, is_kustomization
from bundler.builder.kubefile.instructions import App
from bundler.builder.kubefile.scope import Scope
from bundler.builder.stage.bring import LOCAL, Bringer
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.tree.checkout import check_out
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, Problem

FILE = "kustomized.yaml"


def kustomized(
    files: Tree, app: App, scope: Scope, bringer: Bringer, build_context: BuildContext, tree: Tree
) -> Tree | Problem | None:
    """The app's files once they are built, or why they can't be; None for an app that is none of Kustomize's.

    tree: the stage so far, which may hold a kubectl. An app with commands of its own may never need it.
    """
    if not is_kustomization(files):
        return None
    try:
        text = _built(files, app, scope, bringer, build_context, tree)
    except BundlerError as error:
        message = f"{error.what}: {error.why}"
        return scope.source.problem(app.sources[0].location, "app-kustomize", message, error.fix)
    blob = build_context.store.add((text,), digest=None, size=len(text), name=FILE)
    return Tree({FILE: File(0o644, blob.size, blob.digest)})


def _built(
    files: Tree, app: App, scope: Scope, bringer: Bringer, build_context: BuildContext, tree: Tree
) -> bytes:
    text = scope.value(app.sources[0])
    if len(app.sources) == 1 and text.startswith(LOCAL):  # bases may lie beside it
        folder, context = bringer.place(text.removeprefix(LOCAL))
        return built(folder, context, tree, build_context.store, app.name.text)
    with build_context.store.scratch() as scratch:
        checkout = check_out(files, build_context.store, scratch / "app")
        return built(checkout.root, checkout.root, tree, build_context.store, app.name.text)
