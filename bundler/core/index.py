"""The bundle's index: everything a .run carries, with digest, size and place (docs/format.md).

The builder writes it, the installer reads it; the JSON form is canonical
(sorted keys, no white space), so equal contents give equal bytes. What must hold
between the parts is checked by `index_rules`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self, TypeVar

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index_json import Fields, parse, read_digest, read_many, read_text, refuse

NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # of Kubernetes
_OPTIONAL = {"namespace": "", "privileged": False}  # keys of an app that are left out where they say this
FORMAT = 1  # raised when an older reader could no longer read what we write


class AppKind(StrEnum):
    """How an app is launched; see docs/kubefile.md, APP."""

    HELM = "helm"  # Chart.yaml: `helm install`
    KUBE = "kube"  # YAML files only: `kubectl apply -f`
    SHELL = "shell"  # .sh files only: `bash FILE`
    COMMANDS = "commands"  # APPCMDS given


class AppRole(StrEnum):
    """Which instruction named the app; plug-ins are launched before apps."""

    CNI = "cni"
    CSI = "csi"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file of the archive.

    path: relative, `/`-separated, no `.`, `..` or empty parts; the tar name.
    size: bytes of the content; digest: sha256 of the content.
    offset, length: the zstd frame that holds exactly this content, in bytes from the archive's start.
    mode: permission bits.
    """

    path: str
    size: int
    digest: Digest
    mode: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Attached:
    """What is kept beside an image under a tag of its repository: signatures, attestations, SBOMs.

    digest: of the manifest or index that the tag means; manifests and blobs as those of `Image`.
    """

    tag: str
    digest: Digest
    manifests: tuple[Digest, ...]
    blobs: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """One container image, in the OCI layout under `images/`.

    name: the full reference, registry included: `docker.io/library/nginx:1.27` or `…@sha256:…`.
    digest: of the manifest (or image index) that `name` means.
    manifests: every manifest reachable from it, itself first; blobs: configs and layers. All digests are
    members `images/blobs/sha256/<hex>`.
    """

    name: str
    digest: Digest
    media_type: str
    size: int
    manifests: tuple[Digest, ...]
    blobs: tuple[Digest, ...]
    attached: tuple[Attached, ...] = ()

    @property
    def digests(self) -> tuple[Digest, ...]:
        """All that belongs to it, each once."""
        beside = (digest for one in self.attached for digest in (*one.manifests, *one.blobs))
        return tuple(dict.fromkeys((*self.manifests, *self.blobs, *beside)))


@dataclass(frozen=True, slots=True)
class App:
    """One thing that LAUNCH can start.

    path: its folder among the members, `application/apps/<name>`.
    commands: from APPCMDS; each is an argv, run in the folder.
    namespace: where a chart or manifests are installed, "" for `default`. privileged: its pods may do what
    Pod Security's level `baseline` forbids. Both are written only where they say something.
    """

    name: str
    kind: AppKind
    role: AppRole
    path: str
    commands: tuple[tuple[str, ...], ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class OsPackage:
    """One OS package; `path` is its member, in `packages/<suite>/`.

    suite: `debian:bookworm`; requested: named by PACKAGE, not pulled in as a dependency.
    """

    suite: str
    name: str
    version: str
    architecture: str
    path: str
    requested: bool


@dataclass(frozen=True, slots=True)
class Index:
    """The whole of a bundle.

    platform: `linux/amd64`. kubernetes: the version it installs (`v1.20.2`), "" where it installs none.
    launch: app names in order; commands: raw CMDS lines; one of the two is empty.
    labels, env: from LABEL and ENV, FROM's included.
    """

    name: str
    version: str
    platform: str
    kubernetes: str
    labels: Mapping[str, str]
    env: Mapping[str, str]
    apps: tuple[App, ...]
    launch: tuple[str, ...]
    commands: tuple[str, ...]
    images: tuple[Image, ...]
    packages: tuple[OsPackage, ...]
    members: tuple[Member, ...]
    kube_versions: tuple[str, ...] = ()  # KUBEVERSION ranges, all of which must hold
    format: int = FORMAT
    _by_path: Mapping[str, Member] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A frozen dataclass is filled this way; the map only repeats what `members` says.
        object.__setattr__(self, "_by_path", {member.path: member for member in self.members})

    @property
    def network_plugins(self) -> tuple[App, ...]:
        """The apps that CNI named: with one, the cluster takes no network of its distribution's."""
        return tuple(app for app in self.apps if app.role is AppRole.CNI)

    def member(self, path: str) -> Member | None:
        """The member with this path, if there is one."""
        return self._by_path.get(path)

    def to_json(self) -> bytes:
        """The canonical bytes; what signatures are made over in the end."""
        return canonical(_plain(self)) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote; the reader goes on with `index_rules.check`.

        Raises BundlerError: UNSUPPORTED for a newer format, INTEGRITY for anything but an index.
        """
        value = parse(data)
        if isinstance(value, dict) and type(value.get("format")) is int and value["format"] > FORMAT:
            raise BundlerError(
                f"the bundle has format {str(value['format'])[:20]}, this program reads up to {FORMAT}",
                code=ExitCode.UNSUPPORTED,
                fix="use a newer bundler, or the commands of the .run itself",
            )
        index = Fields.of("index", value, _keys(cls))
        return cls(
            name=index.text("name"),
            version=index.text("version"),
            platform=index.text("platform"),
            kubernetes=index.text("kubernetes"),
            labels=index.texts("labels"),
            env=index.texts("env"),
            apps=index.many("apps", _app),
            launch=index.many("launch", read_text),
            commands=index.many("commands", read_text),
            images=index.many("images", _image),
            packages=index.many("packages", _package),
            members=index.many("members", _member),
            kube_versions=index.many("kube_versions", read_text),
            format=index.number("format", least=FORMAT, most=FORMAT),
        )


def united(images: Iterable[Image]) -> tuple[Image, ...]:
    """Each name once, with all that belongs to it on any platform; it means what the first one means."""
    found: dict[str, Image] = {}
    for image in images:
        one = found.setdefault(image.name, image)
        found[image.name] = replace(
            one,
            manifests=tuple(dict.fromkeys((*one.manifests, *image.manifests))),
            blobs=tuple(dict.fromkeys((*one.blobs, *image.blobs))),
            attached=tuple(dict.fromkeys((*one.attached, *image.attached))),
        )
    return tuple(found.values())


def canonical(document: Any) -> bytes:
    """JSON bytes that are equal for equal documents."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


_Data = Index | App | Attached | Image | Member | OsPackage


def _keys(kind: type[_Data]) -> frozenset[str]:
    """The JSON keys of a dataclass: the fields that are given when it is made."""
    return frozenset(entry.name for entry in fields(kind) if entry.init)


def _plain(value: object) -> object:
    """A value as JSON has it; digests in their usual form."""
    match value:
        case Digest():
            return str(value)
        case tuple():
            return [_plain(entry) for entry in value]
        case Mapping():
            return {name: _plain(entry) for name, entry in value.items()}
        case App():
            named = {name: _plain(getattr(value, name)) for name in _keys(App)}
            return {
                name: entry
                for name, entry in named.items()
                if name not in _OPTIONAL or entry != _OPTIONAL[name]
            }
        case Index() | Attached() | Image() | Member() | OsPackage():
            return {name: _plain(getattr(value, name)) for name in _keys(type(value))}
        case _:
            return value


def _member(where: str, value: object) -> Member:
    member = Fields.of(where, value, _keys(Member))
    return Member(
        path=member.text("path"),
        size=member.number("size"),
        digest=member.digest("digest"),
        mode=member.number("mode", most=0o777),
        offset=member.number("offset"),
        length=member.number("length"),
    )


def _image(where: str, value: object) -> Image:
    image = Fields.of(where, value, _keys(Image))
    return Image(
        name=image.text("name"),
        digest=image.digest("digest"),
        media_type=image.text("media_type"),
        size=image.number("size"),
        manifests=image.many("manifests", read_digest),
        blobs=image.many("blobs", read_digest),
        attached=image.many("attached", _attached),
    )


def _attached(where: str, value: object) -> Attached:
    attached = Fields.of(where, value, _keys(Attached))
    return Attached(
        tag=attached.text("tag"),
        digest=attached.digest("digest"),
        manifests=attached.many("manifests", read_digest),
        blobs=attached.many("blobs", read_digest),
    )


def _app(where: str, value: object) -> App:
    app = Fields.of(where, _whole(value), _keys(App))
    return App(
        name=app.text("name"),
        kind=_choice(AppKind, where, app.text("kind")),
        role=_choice(AppRole, where, app.text("role")),
        path=app.text("path"),
        commands=app.many("commands", _command),
        env=app.texts("env"),
        namespace=app.text("namespace"),
        privileged=app.truth("privileged"),
    )


def _whole(value: object) -> object:
    """An app with what it leaves out."""
    return {**_OPTIONAL, **value} if isinstance(value, dict) else value


def _command(where: str, value: object) -> tuple[str, ...]:
    return read_many(where, value, read_text)


def _package(where: str, value: object) -> OsPackage:
    package = Fields.of(where, value, _keys(OsPackage))
    return OsPackage(
        suite=package.text("suite"),
        name=package.text("name"),
        version=package.text("version"),
        architecture=package.text("architecture"),
        path=package.text("path"),
        requested=package.truth("requested"),
    )


_Choice = TypeVar("_Choice", AppKind, AppRole)


def _choice(kind: type[_Choice], where: str, text: str) -> _Choice:
    try:
        return kind(text)
    except ValueError:
        refuse(f"{where}: {text[:40]!r} is none of {[str(entry) for entry in kind]}")
