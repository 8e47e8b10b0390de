"""What a bundle will be, all decided and all contents in the store: what `make` assembles. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bundler.builder.cache.partial import Blob
from bundler.builder.stage.state import Staged, kubernetes_label
from bundler.builder.tree.tree import File, Symlink, Tree
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.index import App, Image, Index, OsPackage
from bundler.core.index_rules import heading_fault

ROOT = "root"  # the staged tree's place among the members
HELM_LIBRARY = "runtime/helm/libhelm_c.so"  # Helm itself, where a bundle has charts

TITLE_LABEL = "org.opencontainers.image.title"
VERSION_LABEL = "org.opencontainers.image.version"

_NO_VERSION = "0.0.0"
_KUBERNETES = re.compile(r"v?(\d+\.\d+\.\d+\S*)")
_LINKS = 40  # followed from one link to the next, as Linux does
_COPIES = 100_000  # files that links to folders may add


@dataclass(frozen=True, slots=True)
class Content:
    """One member to be: its path, its bytes in the store, its permission bits.

    compressed: another compression would gain nothing; None: to be judged by its first bytes.
    """

    path: str
    blob: Blob
    mode: int = 0o644
    compressed: bool | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What the product is called.

    kubernetes: the version it installs, `v1.20.2`; "" where it installs none.
    """

    name: str
    version: str
    kubernetes: str


@dataclass(frozen=True, slots=True)
class Base:
    """The bundle that this one is FROM; seal: digest of its seal's text."""

    name: str
    version: str
    seal: Digest


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """A whole bundle but for the places of its members; `contents` are in the order they are written.

    base: None where it is FROM no .run.
    """

    identity: Identity
    platform: str
    labels: Mapping[str, str]
    env: Mapping[str, str]
    apps: tuple[App, ...]
    launch: tuple[str, ...]
    commands: tuple[str, ...]
    kube_versions: tuple[str, ...]
    images: tuple[Image, ...]
    packages: tuple[OsPackage, ...]
    contents: tuple[Content, ...]
    base: Base | None = None

    @property
    def size(self) -> int:
        """Bytes of all contents."""
        return sum(content.blob.size for content in self.contents)

    def index(self) -> Index:
        """The index, still without members."""
        return Index(
            name=self.identity.name,
            version=self.identity.version,
            platform=self.platform,
            kubernetes=self.identity.kubernetes,
            labels=self.labels,
            env=self.env,
            apps=self.apps,
            launch=self.launch,
            commands=self.commands,
            images=self.images,
            packages=self.packages,
            members=(),
            kube_versions=self.kube_versions,
        )


def identify(labels: Mapping[str, str], folder: str) -> Identity:
    """Name and versions from the labels; where they say no name, the Kubefile's folder gives it.

    Raises BundlerError (INPUT) for a name or version that a file can't have, and for a Kubernetes version
    that is none.
    """
    name = labels.get(TITLE_LABEL) or re.sub(r"[^A-Za-z0-9._-]+", "-", folder).strip("-._") or "product"
    label, kubernetes = kubernetes_label(labels)
    found = _KUBERNETES.fullmatch(kubernetes)
    if kubernetes and not found:
        raise BundlerError(
            f"not a version of Kubernetes: {kubernetes!r}",
            where=f"LABEL {label}",
            code=ExitCode.INPUT,
            fix="write it as v1.20.2",
        )
    version = labels.get(VERSION_LABEL) or _NO_VERSION
    for what, value, said in (("name", name, TITLE_LABEL), ("version", version, VERSION_LABEL)):
        if fault := heading_fault(what, value):
            raise BundlerError(
                f"the bundle can't have this {what}",
                where=f"LABEL {said}",
                why=fault,
                code=ExitCode.INPUT,
                fix=f"set LABEL {said}=… to a word; $VARIABLES stand as they are in single quotes",
            )
    return Identity(name, version, f"v{found[1]}" if found else "")


def tree_contents(tree: Tree) -> Iterator[Content]:
    """The staged tree as members below `root/`; a link becomes a copy of what it leads to.

    Raises Problems for links that lead nowhere in the tree, or in a circle.
    """
    problems: list[Problem] = []
    copies = 0
    for path, entry in tree.entries.items():
        if isinstance(entry, File):
            yield _content(path, entry)
            continue
        try:
            for below, file in _led_to(tree, path, entry):
                yield _content(f"{path}/{below}" if below else path, file)
                copies += 1
        except BundlerError as error:
            problems.append(Problem(Location(path), "staged-link", error.what, error.fix))
        if copies > _COPIES:
            raise BundlerError(
                f"links to folders add more than {_COPIES} files", where=path, code=ExitCode.INPUT
            )
    if problems:
        raise Problems(tuple(problems))


def placed(staged: Staged) -> tuple[App, ...]:
    """The apps with their folders as members have them."""
    return tuple(replace(app, path=f"{ROOT}/{app.path}") for app in staged.apps)


def _content(path: str, file: File) -> Content:
    return Content(f"{ROOT}/{path}", Blob(file.digest, file.size), file.mode)


def _led_to(tree: Tree, path: str, link: Symlink) -> Iterator[tuple[str, File]]:
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
