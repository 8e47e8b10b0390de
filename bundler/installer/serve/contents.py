"""What is served under which address, decided once when serving starts.

Images keep their full names (`docker.io/library/web`), but for a registry's port, which no client can name in
a path: `host__5000/web`, as the site's registry has it. Charts are artifacts at `charts/NAME:VERSION` as Helm
pushes them, and every file of the bundle stands under its own path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bundler.core.archive.platforms import folder_of
from bundler.core.archive.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.index import Attached, Image, Member, canonical
from bundler.core.oci import (
    MAX_MANIFEST,
    OCI_MANIFEST,
    Descriptor,
    ManifestIndex,
    parse_any,
    parse_manifest,
)
from bundler.core.reference import DEFAULT_REGISTRY, Reference
from bundler.installer.handout import repository
from bundler.installer.handout.charts import Chart, charts, pack
from bundler.installer.handout.images import blob_member, find_blob, offered
from bundler.installer.plan.registry_paths import store_name

CHARTS: Final = "charts"
BINARY: Final = "application/octet-stream"
_CHART_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
_CHART_LAYER: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class ServedFile:
    """Something to send: a member of the bundle, or a few bytes that were made from it."""

    media_type: str
    content: Member | bytes
    digest: Digest

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.content.size if isinstance(self.content, Member) else len(self.content)


@dataclass(slots=True)
class Repository:
    """A repository of the registry: tags to digests, manifests and blobs by digest.

    referrers: by a manifest's digest, the entries of what refers to it, as an image index lists them.
    """

    tags: dict[str, Digest] = field(default_factory=dict)
    manifests: dict[Digest, ServedFile] = field(default_factory=dict)
    blobs: dict[Digest, ServedFile] = field(default_factory=dict)
    referrers: dict[Digest, dict[Digest, dict[str, object]]] = field(default_factory=dict)

    def manifest(self, wanted: str) -> ServedFile | None:
        """What a tag or a digest means."""
        if wanted in self.tags:
            return self.manifests[self.tags[wanted]]
        return next((entry for digest, entry in self.manifests.items() if str(digest) == wanted), None)


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that is served."""

    repositories: Mapping[str, Repository]
    files: Mapping[str, ServedFile]

    def repository(self, name: str, registry: str) -> Repository | None:
        """The repository with this name.

        `registry`: whose mirror is meant, where the client says so (containerd's `ns`). Without it, a name
        that isn't there is looked for as Docker asks its mirrors: without `docker.io/` in front.
        """
        first, _, rest = name.partition("/")
        stored = f"{store_name(first)}/{rest}" if ":" in first else name
        theirs = f"{store_name(registry)}/{name}" if registry else name
        tried = (theirs, stored, f"{DEFAULT_REGISTRY}/{name}")
        return next((self.repositories[each] for each in tried if each in self.repositories), None)


def contents(bundle: Bundle) -> Contents:
    """What a bundle has to serve. Raises BundlerError when it is damaged."""
    repositories: dict[str, Repository] = {}
    for image in offered(bundle):
        reference = Reference.parse(image.name)
        name = f"{store_name(reference.registry)}/{reference.repository}"
        home = repositories.setdefault(name, Repository())
        _add_image(bundle, image, home)
        if reference.tag is not None:
            home.tags[reference.tag] = image.digest
        for one in image.attached:
            _add_attached(bundle, one, home)
    files = _files(bundle)
    _add_charts(bundle, repositories, files)
    return Contents(repositories, files)


def _files(bundle: Bundle) -> dict[str, ServedFile]:
    """Every file under its path; of several platforms, each's at `platforms/linux-arm64/` too."""
    found = {member.path: ServedFile(BINARY, member, member.digest) for member in bundle.index.members}
    if len(bundle.indexes) > 1:
        for index in bundle.indexes:
            above = folder_of(index.platform)
            found |= {f"{above}/{each.path}": ServedFile(BINARY, each, each.digest) for each in index.members}
    return found


def _add_image(bundle: Bundle, image: Image, home: Repository) -> None:
    for digest in image.manifests:
        member = blob_member(bundle, digest)
        known = image.media_type if digest == image.digest else ""
        parsed = parse_manifest(bundle.read(member, limit=MAX_MANIFEST), known, image.name)
        home.manifests[digest] = ServedFile(parsed.media_type, member, digest)
        if not isinstance(parsed, ManifestIndex):
            _add_blobs(bundle, (parsed.config, *parsed.layers), home)


def _add_blobs(bundle: Bundle, parts: Iterable[Descriptor], home: Repository) -> None:
    for part in parts:
        if (blob := find_blob(bundle, part.digest)) is not None:
            home.blobs[part.digest] = ServedFile(BINARY, blob, part.digest)


def _add_attached(bundle: Bundle, one: Attached, home: Repository) -> None:
    """Signatures and the like: under their tags, and as referrers of what they are about."""
    for digest in one.manifests:
        member = blob_member(bundle, digest)
        parsed = parse_any(bundle.read(member, limit=MAX_MANIFEST), "", one.tag)
        home.manifests[digest] = ServedFile(parsed.media_type, member, digest)
        if isinstance(parsed, ManifestIndex):
            continue
        _add_blobs(bundle, (parsed.config, *parsed.layers), home)
        if parsed.subject is not None:
            about = {"annotations": dict(parsed.annotations)} if parsed.annotations else {}
            entry = {**parsed.descriptor.to_json(), "artifactType": parsed.kind, **about}
            home.referrers.setdefault(parsed.subject.digest, {})[digest] = entry
    home.tags[one.tag] = one.digest


def _add_charts(bundle: Bundle, repositories: dict[str, Repository], files: dict[str, ServedFile]) -> None:
    """Charts as artifacts, and as a chart repository at `charts/index.yaml`."""
    listed = []
    for chart in _charts(bundle):
        packed = pack(bundle, chart)
        layer, config = _made("application/gzip", packed), _made(BINARY, canonical(_plain(chart.about)))
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(config, _CHART_CONFIG),
            "layers": [_descriptor(layer, _CHART_LAYER)],
        }
        top = _made(OCI_MANIFEST, canonical(manifest))
        home = repositories.setdefault(f"{CHARTS}/{chart.name}", Repository())
        home.manifests[top.digest] = top
        home.blobs |= {layer.digest: layer, config.digest: config}
        home.tags[chart.version.replace("+", "_")] = top.digest  # as Helm does: a tag can't hold a plus
        files[f"{CHARTS}/{chart.file}"] = layer
        listed.append((chart, layer.digest))
    if listed:
        files[f"{CHARTS}/{repository.FILE}"] = _made("text/yaml", repository.index_yaml(listed))


def _charts(bundle: Bundle) -> tuple[Chart, ...]:
    """Those of all platforms, by name and version; of equal ones the first platform's."""
    found = {chart.file: chart for each in reversed(bundle.platforms) for chart in charts(bundle.of(each))}
    return tuple(found[name] for name in sorted(found))


def _made(media_type: str, data: bytes) -> ServedFile:
    return ServedFile(media_type, data, Digest.of(data))


def _plain(about: Mapping[str, object]) -> dict[str, object]:
    return {str(key): value for key, value in about.items()}


def _descriptor(entry: ServedFile, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(entry.digest), "size": entry.size}
