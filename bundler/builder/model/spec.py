"""What a bundle will be, all decided and all contents in the store: what `make` assembles. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bundler.builder.cache.partial import Blob
from bundler.builder.stage.state import Staged, kubernetes_label
from bundler.builder.tree.links import led_to
from bundler.builder.tree.tree import File, Tree
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.index import App, Image, Index, OsPackage
from bundler.core.index_rules import heading_fault

ROOT = "root"  # the staged tree's place among the members
HELM_LIBRARY = "runtime/helm/libhelm_c.so"  # Helm itself, where a bundle has charts

TITLE_LABEL = "org.opencontainers.image.title"
VERSION_LABEL = "org.opencontainers.image.version"

_NO_VERSION = "0.0.0"
_LONGEST_NAME = 128
_KUBERNETES = re.compile(r"v?(\d+\.\d+\.\d+\S*)")
_COPIES = 100_000  # files that links to folders may add


@dataclass(frozen=True, slots=True)
class SpecContent:
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
class SpecBase:
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
    contents: tuple[SpecContent, ...]
    base: SpecBase | None = None

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

    A title is for people; the name is made of it. Raises BundlerError (INPUT) for a title with a variable
    that was not put in, a version that a file can't have, and a Kubernetes version that is none.
    """
    title = labels.get(TITLE_LABEL, "")
    name = title if "$" in title else _word(title) or _word(folder) or "product"
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


def _word(text: str) -> str:
    """What a file can be called after a text: its letters, digits, `.`, `_`, with `-` for all else."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:_LONGEST_NAME].rstrip("-._")


def tree_contents(tree: Tree) -> Iterator[SpecContent]:
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
            for below, file in led_to(tree, path, entry):
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


def _content(path: str, file: File) -> SpecContent:
    return SpecContent(f"{ROOT}/{path}", Blob(file.digest, file.size), file.mode)
