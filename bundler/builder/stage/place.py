"""Where COPY, ADD and APP put things: the destination rules of a Dockerfile. Pure."""

from bundler.builder.tree.tree import Entry, Tree, clean_path, join

# Places that mean something to the installer. They are folders even while nothing is in them, as Sealer has
# it: `COPY imageList manifests` makes manifests/imageList.
FOLDERS = frozenset(
    {
        "application", "application/apps", "applications", "bin", "charts", "cri", "etc", "images",
        "manifests", "plugins", "registry", "scripts", "statics",
    }
)  # fmt: skip


def is_folder(destination: str, tree: Tree) -> bool:
    """Whether things are put into the destination, rather than being called by it."""
    path = clean_path(destination)
    return destination.endswith(("/", "/.")) or path in FOLDERS or tree.is_folder(path)


def placed_file(tree: Tree, destination: str, name: str, entry: Entry) -> Tree:
    """The tree with one file more: `name` in the folder `destination`, or called so where that is no folder.

    Raises BundlerError (INPUT).
    """
    path = clean_path(destination)
    return tree.add({join(path, clean_path(name)) if is_folder(destination, tree) else path: entry})


def placed_folder(tree: Tree, destination: str, contents: Tree) -> Tree:
    """The tree with the contents of a folder below `destination`. Raises BundlerError (INPUT)."""
    return tree.merge(contents, clean_path(destination))
