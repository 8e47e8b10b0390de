"""What the bundle holds, as the plan asks for it: programs, images by use, packages by suite, apps' files."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from bundler.core import yamldoc
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.host_needs import HostNeeds
from bundler.core.index import App, AppKind, AppRole, Image, Index, Member, OsPackage
from bundler.core.kubernetes_version import KubernetesVersion
from bundler.core.oci import Descriptor
from bundler.core.offered import offer
from bundler.core.reference import Reference
from bundler.installer.plan.distribution import Distribution, distribution_of
from bundler.installer.plan.paths import REGISTRY_BLOBS
from bundler.installer.plan.steps import Delivery
from bundler.installer.plan.versions import check_supported

TREE: Final = "root"  # members below it are the staged tree
KUBEADM_FILE: Final = f"{TREE}/etc/kubeadm.yml"
RULES: Final = f"{TREE}/checks"  # the vendor's own checks and limits
HELM_MEMBER: Final = "runtime/helm/libhelm_c.so"
MAX_TEXT: Final = 4 << 20  # bytes of a manifest that the plan reads; larger ones are delivered unread

CONTAINERD_LABEL: Final = "io.containerd.version"  # for archives whose name doesn't tell
_CONTAINERD: Final = re.compile(r"(?:cri-)?containerd(?:[-_.](?:io|static|cni))*[-_]v?(\d+)\.(\d+)")

_CONTROL_PLANE_IMAGES: Final = frozenset(
    {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "pause"}
)
_PLUGINS: Final = frozenset({AppRole.CNI, AppRole.CSI})
_NODE_IMAGES: Final = frozenset({"kube-proxy", "coredns", "pause"})


@dataclass(frozen=True, slots=True)
class Mix:
    """Further platforms of a site whose hosts are of several; empty where all are of one.

    others: by platform. hosts: by address, the platform of those that are not of the plan's own. used: those
    that hosts have which stay, so that registries have their images. choices: by name, the image index from
    which each platform's client takes its own.
    """

    others: Mapping[str, "Contents"] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    choices: Mapping[str, Descriptor] = field(default_factory=dict)


@dataclass(frozen=True)  # no slots: `cached_property` needs the instance's dict
class Contents:
    """A view of the index.

    files: contents of the members that `wanted_files` named. platforms: as `decide` has them. written:
    contents that the site has in place of members, or beside them; gone: members that it does not have.
    mix: what other platforms of the file have, where hosts are of several. platform: where this is one of
    those, which; "" for the one that the plan is made of.
    """

    index: Index
    files: Mapping[str, bytes]
    platforms: tuple[str, ...] = ()
    written: Mapping[str, bytes] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    mix: Mix = Mix()
    platform: str = ""

    def on(self, address: str) -> "Contents":
        """What there is for the platform of this host."""
        platform = self.mix.hosts.get(address, "")
        return self.mix.others[platform] if platform else self

    @cached_property
    def shared(self) -> tuple["Contents", ...]:
        """Of all platforms whose images the site's registries have, in the file's order.

        That order stays when another control plane comes to be the first: so do lists that are made by it.
        """
        if not self.mix.used:
            return (self,)
        both = {self.index.platform: self, **{used: self.mix.others[used] for used in self.mix.used}}
        return tuple(both[platform] for platform in self.platforms if platform in both)

    @cached_property
    def version(self) -> KubernetesVersion:
        """What Kubernetes the bundle installs.

        Raises BundlerError (UNSUPPORTED) where it installs none, or one that is too old.
        """
        if not self.index.kubernetes:
            raise BundlerError(
                "this bundle installs no Kubernetes",
                where=self.index.name,
                why="its Kubefile sets no LABEL io.kubernetes.version",
                fix="for a cluster that is there: apply --kubeconfig; for machines: FROM kubernetes",
                code=ExitCode.UNSUPPORTED,
            )
        found = KubernetesVersion.parse(self.index.kubernetes)
        check_supported(found)
        return found

    @cached_property
    def distribution(self) -> Distribution:
        """By what Kubernetes is made. Raises BundlerError (UNSUPPORTED) for a name that is none."""
        return distribution_of(self.index.labels, self.index.name)

    @cached_property
    def _sorted(self) -> tuple[tuple[str, ...], tuple[Member, ...]]:
        there = [each for each in self.index.members if each.path not in self.gone | self.written.keys()]
        made = (_made(path, content, self.index.member(path)) for path, content in self.written.items())
        members = tuple(sorted((*there, *made), key=lambda member: member.path))
        return tuple(member.path for member in members), members

    def below(self, folder: str) -> tuple[Member, ...]:
        """Members below a folder, sorted by path."""
        paths, members = self._sorted
        first = bisect_left(paths, f"{folder}/")
        last = bisect_left(paths, f"{folder}0")  # `0` is the character behind `/`
        return members[first:last]

    def program(self, name: str) -> Member | None:
        """A program of the tree's `bin/`."""
        return self.index.member(f"{TREE}/bin/{name}")

    @cached_property
    def runtime_archives(self) -> tuple[Member, ...]:
        """Archives in the tree's `cri/`: containerd, runc and network plug-ins as binaries."""
        return tuple(m for m in self.below(f"{TREE}/cri") if m.path.endswith((".tar.gz", ".tgz")))

    @cached_property
    def has_crictl(self) -> bool:
        """Whether crictl travels along, as a program or inside an archive."""
        named = any("crictl" in m.path or "cri-containerd" in m.path for m in self.runtime_archives)
        return named or self.program("crictl") is not None

    @cached_property
    def images(self) -> Mapping[str, Image]:
        """Images by full name, as the site's registries have them."""
        if not self.mix.used:
            return {image.name: image for image in self.index.images}
        every = offer((each.index.images for each in self.shared), self.mix.choices)
        return {image.name: image for image in every}

    @cached_property
    def pause(self) -> str:
        """The name of the pause image. Raises BundlerError (INPUT) when the bundle has none."""
        for image in self.index.images:
            if _last_part(image.name) == "pause":
                return image.name
        raise BundlerError(
            "the bundle has no pause image, which every pod needs",
            where=self.index.name,
            fix="add it to the Kubefile: IMAGE registry.k8s.io/pause:VERSION",
            code=ExitCode.INPUT,
        )

    @cached_property
    def has_coredns(self) -> bool:
        """Whether the cluster's DNS can come from the bundle."""
        return any(_last_part(name) == "coredns" for name in self.images)

    @cached_property
    def coredns_tag(self) -> str:
        """The tag of the bundle's CoreDNS, "" where it has none."""
        found = (Reference.parse(name).tag for name in self.images if _last_part(name) == "coredns")
        return next((tag for tag in found if tag), "")

    @cached_property
    def containerd(self) -> tuple[int, int] | None:
        """Major and minor of the containerd in `cri/`; None where neither a name nor a label tells."""
        texts = [member.path.rsplit("/", 1)[-1] for member in self.runtime_archives]
        label = self.index.labels.get(CONTAINERD_LABEL, "")
        return next((found for text in (f"containerd-{label}", *texts) if (found := _containerd(text))), None)

    @cached_property
    def privileged_namespaces(self) -> tuple[str, ...]:
        """Whose pods may ask for anything from the start: the plug-ins' own, which change the host.

        Those of apps that their Kubefile calls privileged, too; any other namespace gets more by its label,
        `pod-security.kubernetes.io/enforce: privileged`.
        """
        apps = (app for app in self.index.apps if app.role in _PLUGINS)
        members = (member.path for app in apps for member in self.app_files(app))
        found = {name for path in members for name in _namespaces(self.files.get(path, b""), path)}
        asked = {app.namespace for app in self.index.apps if app.privileged and app.namespace}
        return tuple(sorted(found | asked))

    @cached_property
    def control_plane_images(self) -> tuple[str, ...]:
        """What the API needs."""
        return tuple(name for name in self._names if _last_part(name) in _CONTROL_PLANE_IMAGES)

    @cached_property
    def node_images(self) -> tuple[str, ...]:
        """What every node starts when it has joined: pause, kube-proxy and the network plug-in."""
        plugin = self._images_in(self.index.network_plugins)
        return tuple(name for name in self._names if _last_part(name) in _NODE_IMAGES or name in plugin)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """Of this platform's own images, each once."""
        return tuple(dict.fromkeys(image.name for image in self.index.images))

    @cached_property
    def node_size(self) -> int:
        """Bytes of those images, as they come over the network."""
        named = frozenset(self.node_images)
        digests = (digest for image in self.index.images if image.name in named for digest in image.digests)
        return sum(self.required(f"images/blobs/sha256/{digest.hex}").size for digest in digests)

    def _images_in(self, apps: Iterable[App]) -> frozenset[str]:
        names: set[str] = set()
        for app in apps:
            for member in self.app_files(app):
                names.update(_image_names(self.files.get(member.path, b""), member.path))
        return frozenset(names)

    def app_files(self, app: App) -> tuple[Member, ...]:
        """An app's members, sorted by path."""
        return self.below(self.app_folder(app))

    def app_folder(self, app: App) -> str:
        """Where an app's members are."""
        return app.path if self.below(app.path) else f"{TREE}/{app.path}"

    def app_name(self, app: App, member: Member) -> str:
        """A member's path inside its app's folder."""
        return member.path.removeprefix(f"{TREE}/").removeprefix(f"{app.path.removeprefix(f'{TREE}/')}/")

    @cached_property
    def suites(self) -> Mapping[str, tuple[OsPackage, ...]]:
        """OS packages by suite (`debian:bookworm`)."""
        found: dict[str, list[OsPackage]] = {}
        for package in self.index.packages:
            found.setdefault(package.suite, []).append(package)
        return {suite: tuple(packages) for suite, packages in found.items()}

    @cached_property
    def needs(self) -> HostNeeds:
        """What the bundle wants of its hosts' kernels."""
        return HostNeeds.of(self.index.labels)

    @cached_property
    def suite_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.suites)

    def image_deliveries(self, names: Sequence[str], *, besides: Sequence[str] = ()) -> tuple[Delivery, ...]:
        """The blobs of these images, each once, to their places in the registry's store.

        besides: images that are delivered already; blobs shared with them are left out.
        """
        there = frozenset(self._digests(besides))
        digests = dict.fromkeys(digest for digest in self._digests(names) if digest not in there)
        return tuple(self._blob(digest.hex) for digest in digests)

    def _blob(self, hexadecimal: str) -> Delivery:
        path = f"images/blobs/sha256/{hexadecimal}"
        has = next((each for each in self.shared if each.index.member(path)), self)
        return has.deliver(has.required(path), blob_path(hexadecimal), 0o644)

    def deliver(self, member: Member, path: str, mode: int | None = None) -> Delivery:
        """A delivery of this member of ours, with its own mode unless another is given."""
        mode = member.mode if mode is None else mode
        return Delivery(member.path, path, mode, member.digest, member.size, self.platform)

    def _digests(self, names: Sequence[str]) -> Iterator[Digest]:
        for name in names:
            yield from self.images[name].digests

    def required(self, path: str) -> Member:
        """A member that must be there. Raises BundlerError (INTEGRITY) when it is not."""
        member = self.index.member(path)
        if member is None:
            raise BundlerError(
                f"the bundle lacks {path}, which its own index speaks of",
                where=self.index.name,
                fix="get the .run again, or build it again",
                code=ExitCode.INTEGRITY,
            )
        return member


def wanted_files(index: Index) -> tuple[str, ...]:
    """Members whose contents `decide` reads: kubeadm's configuration, plug-ins' manifests, checks."""
    contents = Contents(index, {})
    manifests = tuple(
        member.path
        for app in index.apps
        if app.role in _PLUGINS and app.kind is AppKind.KUBE
        for member in contents.app_files(app)
        if member.path.endswith((".yaml", ".yml")) and member.size <= MAX_TEXT
    )
    rules = tuple(member.path for member in contents.below(RULES) if member.path.endswith((".yaml", ".yml")))
    return ((KUBEADM_FILE,) if index.member(KUBEADM_FILE) else ()) + manifests + rules


def blob_path(hexadecimal: str) -> str:
    """A blob's place in the store of `distribution`'s registry."""
    return f"{REGISTRY_BLOBS}/{hexadecimal[:2]}/{hexadecimal}/data"


def _made(path: str, content: bytes, member: Member | None) -> Member:
    """A member that is written on site, not taken out of the file."""
    mode = member.mode if member else 0o644
    return Member(path, len(content), Digest.of(content), mode, 0, 0)


def _last_part(name: str) -> str:
    return Reference.parse(name).repository.rsplit("/", 1)[-1]


def _containerd(name: str) -> tuple[int, int] | None:
    """`containerd-static-2.1.4-linux-amd64.tar.gz`, `cri-containerd-cni-1.7.2-….tar.gz`."""
    match = _CONTAINERD.match(name)
    return (int(match[1]), int(match[2])) if match else None


def _namespaces(text: bytes, path: str) -> Iterator[str]:
    for document in yamldoc.load_all(text, path) if text else ():
        metadata = document.data.get("metadata") if isinstance(document.data, dict) else None
        if isinstance(metadata, dict) and isinstance(metadata.get("namespace"), str):
            yield metadata["namespace"]


def _image_names(text: bytes, path: str) -> set[str]:
    found: set[str] = set()
    for document in yamldoc.load_all(text, path) if text else ():
        _collect(document.data, found)
    return found


def _collect(value: object, found: set[str]) -> None:
    match value:
        case dict():
            image = value.get("image")
            if isinstance(image, str):
                found.add(str(Reference.parse(image)))
            for part in value.values():
                _collect(part, found)
        case list():
            for part in value:
                _collect(part, found)
        case _:
            return
