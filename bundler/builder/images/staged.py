"""The magic place `images/`: archives and layouts that lie there are images, not files, of the bundle."""

from collections.abc import Iterator

from bundler.builder.cache.store import Blob, Store
from bundler.builder.images.files import Archive, Files, StoredFiles, open_tar
from bundler.builder.images.local import read_any
from bundler.builder.oci.model import ResolvedImage
from bundler.builder.tree.tree import File, Tree
from bundler.core.errors import BundlerError, Location, Problem, Problems
from bundler.core.oci import Platform

FOLDER = "images"
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".txz")
_LAYOUT_MARK = "/oci-layout"


def take_images(tree: Tree, store: Store, platform: Platform) -> tuple[tuple[ResolvedImage, ...], Tree]:
    """Import what lies below `images/`; gives the images, and the tree without their archives.

    Archives are told by their names (.tar, .tar.gz, .tgz, .tar.zst, .tar.xz, .txz), layouts by the file
    `oci-layout` in their folder; other files stay in the tree. Raises Problems about all that can't be read.
    """
    images: list[ResolvedImage] = []
    problems: list[Problem] = []
    for path in (*_layouts(tree), *_archives(tree)):
        try:
            archive = Archive(_files(tree, path, store), path, store, platform)
            images += read_any(archive)
        except BundlerError as error:
            why = f" ({error.why})" if error.why else ""
            problems.append(Problem(Location(path), "image-archive", f"{error.what}{why}", error.fix))
        tree = tree.without(path)
    if problems:
        raise Problems(tuple(problems))
    return tuple(images), tree


def _layouts(tree: Tree) -> tuple[str, ...]:
    below = tree.subtree(FOLDER)
    found = [FOLDER] if "oci-layout" in below.entries else []
    marks = (path for path in below.entries if path.endswith(_LAYOUT_MARK))
    return tuple(found or (f"{FOLDER}/{path.removesuffix(_LAYOUT_MARK)}" for path in marks))


def _archives(tree: Tree) -> Iterator[str]:
    inside = tuple(f"{layout}/" for layout in _layouts(tree))
    for path, _ in tree.files():
        if path.startswith(f"{FOLDER}/") and path.endswith(_TAR_ENDINGS) and not path.startswith(inside):
            yield path


def _files(tree: Tree, path: str, store: Store) -> Files:
    entry = tree.entries.get(path)
    if isinstance(entry, File):
        return open_tar(store.path(entry.digest), store, path)
    blobs = {name: Blob(file.digest, file.size) for name, file in tree.subtree(path).files()}
    return StoredFiles(blobs, store, path)
