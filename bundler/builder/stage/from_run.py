"""FROM another .run: its files, images and packages into the store, and what they are into the first state.

Every blob goes into the store under its digest: once, verified on its way, and not at all where the store has
it. So two bundles with one base share what is in it, and the base's runtime and bills are not even read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bundler.builder.cache.store import Blob, Store
from bundler.builder.kubefile.runfile import RunFile, run_file
from bundler.builder.kubefile.source import KubefileText
from bundler.builder.lib.progress import Counted, transferring
from bundler.builder.oci.model import Attachment, ResolvedImage
from bundler.builder.oci.pull import check_config
from bundler.builder.stage.apps import Draft
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.state import Inherited, State
from bundler.builder.tree.tree import Entry, File, Tree, normal_mode
from bundler.core.archive import Bundle
from bundler.core.archive.bases import opened
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Location
from bundler.core.index import App, Attached, Image, Index, Member
from bundler.core.oci import (
    MAX_CONFIG,
    MAX_MANIFEST,
    Artifact,
    Descriptor,
    Manifest,
    ManifestIndex,
    Platform,
    parse_any,
    parse_manifest,
)
from bundler.core.reference import Reference

_ROOT = "root/"
_PACKAGES = "packages/"
_BLOBS = "images/blobs/sha256/"


def outline_of(base: RunFile) -> State:
    """As `begin_from`, but with nothing read: the files' names, the labels and the apps."""
    index = base.index
    return State(
        tree=Tree(dict(_entries(index.members))),
        labels=dict(index.labels),
        apps={app.name: _draft(app, base) for app in index.apps},
        inherited=Inherited(name=base.name, kube_versions=index.kube_versions),
    )


def begin_from(base: RunFile, why: str, build_context: BuildContext) -> State:
    """The state that a Kubefile FROM this .run starts with; what of it a bundle needs is in the store.

    why: who asks, `FROM in Kubefile:1`. LAUNCH and CMDS are the base's own and don't come down.
    Raises BundlerError (INTEGRITY, SPACE, NOT_FOUND) for a file that is damaged, or not the one that was read
    before.
    """
    _bring(base, build_context)
    index = base.index
    taken = _Taken(base, build_context.store, build_context.platform)
    return State(
        tree=Tree(dict(_entries(index.members))),
        labels=dict(index.labels),
        apps={app.name: _draft(app, base) for app in index.apps},
        inherited=Inherited(
            images=tuple(taken.image(image, why) for image in index.images),
            packages=index.packages,
            package_files=tuple(
                (member.path, Blob(member.digest, member.size))
                for member in index.members
                if member.path.startswith(_PACKAGES)
            ),
            kube_versions=index.kube_versions,
            name=base.name,
        ),
    )


@contextmanager
def _opened(base: RunFile, missing: Sequence[Member], build_context: BuildContext) -> Iterator[Bundle]:
    if not isinstance(base.origin, Path):
        with build_context.bases.opened(base, missing) as bundle:
            yield bundle
        return
    with opened(base.origin) as bundle:
        if run_file(bundle).seal != base.seal:
            raise BundlerError(
                "the base was replaced while the build was running",
                where=base.origin,
                code=ExitCode.INTEGRITY,
                fix="run the build again",
            )
        yield bundle


def _bring(base: RunFile, build_context: BuildContext) -> None:
    store, index = build_context.store, base.index
    missing = [each for each in _needed(index) if store.find(each.digest, each.size) is None]
    if missing:
        with (
            _opened(base, missing, build_context) as bundle,
            transferring(build_context.progress, base.name, sum(each.size for each in missing)) as transfer,
        ):
            for member in missing:
                chunks = Counted(transfer).passed(bundle.chunks(member))
                where = f"{base.origin}: {member.path}"
                store.add(chunks, digest=member.digest, size=member.size, name=where)
    told = f"base {base.origin}: {index.name} {index.version}, {len(missing)} contents were new"
    build_context.progress.log(told)


def _needed(index: Index) -> Iterator[Member]:
    """All but what every build makes itself: Helm, bills of materials, the layout's own files."""
    blobs = {f"{_BLOBS}{digest.hex}" for image in index.images for digest in image.digests}
    seen: set[Digest] = set()
    for member in index.members:
        wanted = member.path.startswith((_ROOT, _PACKAGES)) or member.path in blobs
        if wanted and member.digest not in seen:
            seen.add(member.digest)
            yield member


def _entries(members: Iterable[Member]) -> Iterator[tuple[str, Entry]]:
    for member in members:
        if member.path.startswith(_ROOT):
            path = member.path.removeprefix(_ROOT)
            yield path, File(normal_mode(member.mode), member.size, member.digest)


def _draft(app: App, base: RunFile) -> Draft:
    """The app as APP would have begun it; its kind is determined again, as RUN may change its files."""
    source, where = KubefileText(str(base.origin), ()), Location(str(base.origin))
    message = f"it is no longer clear how to launch {app.name}"
    problem = source.problem(where, "app-kind-unknown", message, f'add APPCMDS {app.name} ["command line"]')
    return Draft(
        app.name,
        app.role,
        where,
        problem,
        source,
        app.commands,
        dict(app.env),
        namespace=app.namespace,
        privileged=app.privileged,
    )


class _Taken:
    """The base's images as those of any other source; their parts lie in the store."""

    def __init__(self, base: RunFile, store: Store, platform: Platform) -> None:
        self._where = base.origin
        self._store = store
        self._platform = platform
        self._sizes: Mapping[str, int] = {each.path: each.size for each in base.index.members}

    def image(self, image: Image, why: str) -> ResolvedImage:
        """Raises BundlerError (INTEGRITY) where index and manifests don't say the same."""
        where = f"{self._where}: {image.name}"
        kinds = {image.digest: image.media_type}
        parts = [
            parse_manifest(self._raw(digest, MAX_MANIFEST, where), kinds.get(digest, ""), where)
            for digest in image.manifests
        ]
        manifest, root = parts[-1], parts[0].descriptor
        if not isinstance(manifest, Manifest) or root.digest != image.digest:
            raise _contradicts(where)
        blobs = (manifest.config, *manifest.layers)
        self._check({blob.digest for blob in blobs}, image.blobs, where)
        reference = Reference.parse(image.name)
        config = self._raw(manifest.config.digest, MAX_CONFIG, where)
        check_config(config, reference, len(manifest.layers), self._platform)
        return ResolvedImage(
            reference=reference,
            root=root,
            manifests=tuple(part.descriptor for part in parts),
            blobs=blobs,
            why=(why,),
            local=True,
            attached=tuple(self._attached(one, where) for one in image.attached),
        )

    def _attached(self, one: Attached, where: str) -> Attachment:
        parts = [self._part(digest, where) for digest in one.manifests]
        by_digest = {part.descriptor.digest: part.descriptor for part in parts}
        blobs: dict[Descriptor, None] = {}
        for part in parts:
            if isinstance(part, Artifact):
                blobs |= dict.fromkeys((part.config, *part.layers))
        self._check({blob.digest for blob in blobs}, one.blobs, where)
        root = by_digest[one.digest]
        return Attachment(one.tag, root, tuple(part.descriptor for part in parts), tuple(blobs))

    def _part(self, digest: Digest, where: str) -> Artifact | ManifestIndex:
        return parse_any(self._raw(digest, MAX_MANIFEST, where), "", where)

    def _check(self, needed: set[Digest], listed: Iterable[Digest], where: str) -> None:
        if not needed <= set(listed):
            raise _contradicts(where)

    def _raw(self, digest: Digest, limit: int, where: str) -> bytes:
        size = self._sizes.get(f"{_BLOBS}{digest.hex}")
        if size is None or size > limit:
            raise _contradicts(where)
        return b"".join(self._store.chunks(Blob(digest, size), name=where))


def _contradicts(where: str) -> BundlerError:
    return BundlerError(
        "the base's index and its image do not say the same",
        where=where,
        code=ExitCode.INTEGRITY,
        fix="build the base again",
    )
