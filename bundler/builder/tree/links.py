"""Symbolic links of a tree: what they lead to, in the tree. Pure."""

from collections.abc import Iterator

from bundler.builder.tree.tree import File, Symlink, Tree
from bundler.core.errors import BundlerError, ExitCode

_LINKS = 40  # followed from one link to the next, as Linux does


def led_to(tree: Tree, path: str, link: Symlink) -> Iterator[tuple[str, File]]:
    """The files that a link stands for: one with the path "", or those of a folder with paths below it."""
    target = resolve_link(tree, path, link)
    entry = tree.entries.get(target)
    if isinstance(entry, File):
        yield "", entry
        return
    if f"{path}/".startswith(f"{target}/") or not target:
        raise _bad(path, link, "it leads to a folder that it lies in")
    below = tree.subtree(target)
    for name, found in below.entries.items():
        if isinstance(found, Symlink):
            inner = tree.entries.get(resolve_link(tree, f"{target}/{name}", found))
            if not isinstance(inner, File):
                raise _bad(path, link, f"it leads to a folder with the link {name}, which leads to a folder")
            found = inner  # noqa: PLW2901  (the file that the link stands for)
        yield name, found


def resolve_link(tree: Tree, path: str, link: Symlink) -> str:
    """The path of the file or folder that a link of the tree leads to in the end; `/` means the tree's root.

    Raises BundlerError (INPUT) when it leads out of the tree, nowhere, or in a circle.
    """
    at, parts = _parent(path), _parts(link.target)
    if link.target.startswith("/"):
        at = ""
    followed = 1
    while parts:
        step = parts.pop(0)
        if step == "..":
            if not at:
                raise _bad(path, link, "it leads out of the tree")
            at = _parent(at)
            continue
        at = f"{at}/{step}" if at else step
        entry = tree.entries.get(at)
        if isinstance(entry, Symlink):
            followed += 1
            if followed > _LINKS:
                raise _bad(path, link, "it leads in a circle")
            parts = _parts(entry.target) + parts
            at = "" if entry.target.startswith("/") else _parent(at)
        elif entry is None and not tree.is_folder(at):
            raise _bad(path, link, "the tree has no such file")
    return at


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _parts(target: str) -> list[str]:
    return [part for part in target.split("/") if part not in {"", "."}]


def _bad(path: str, link: Symlink, why: str) -> BundlerError:
    return BundlerError(
        f"the link {path} -> {link.target} can't be bundled: {why}",
        code=ExitCode.INPUT,
        fix="let it lead to a file of the tree, or remove it with RUN rm",
    )
