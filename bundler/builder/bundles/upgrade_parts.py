"""What of a .run decides how a site gets from one to the next: read from its index and its apps' files."""

import re
from collections.abc import Iterator
from typing import Final

from bundler.builder.bundles.upgrade_check import Parts
from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index, Member
from bundler.core.kubernetes_via import via
from bundler.core.reference import Reference
from bundler.core.yamldoc import load_all

_MOST: Final = 4 << 20  # bytes of a file that is looked at
_KIND: Final = re.compile(r"(?m)^(apiVersion|kind):\s*[\"']?([\w./-]+)")
_ARCHIVE: Final = re.compile(r".*/containerd-(?:static-)?v?(\d+\.\d+\.\d+)")
_YAML: Final = (".yaml", ".yml")


def parts_of(bundle: Bundle, key: str) -> Parts:
    """key: fingerprint of its signer. Raises BundlerError (INTEGRITY)."""
    index = bundle.index
    kinds: dict[str, tuple[str, ...]] = {}
    crds: dict[str, frozenset[str]] = {}
    for member in _manifests(index):
        data = bundle.read(member, limit=_MOST)
        for kind in dict.fromkeys(_kinds(data.decode("utf-8", "replace"))):
            kinds[kind] = (*kinds.get(kind, ()), member.path)
        crds |= _crds(data, member.path)
    return Parts(
        index.name, index.version, index.kubernetes, _etcd(index), _containerd(index), key, kinds, crds,
        via(index.labels),
    )  # fmt: skip


def _manifests(index: Index) -> Iterator[Member]:
    folders = tuple(f"{app.path}/" for app in index.apps)
    for member in index.members:
        if member.path.startswith(folders) and member.path.endswith(_YAML) and member.size <= _MOST:
            yield member


def _kinds(text: str) -> Iterator[str]:
    """`apps/v1 Deployment`, of templates too: apiVersion and kind are seldom made by one."""
    for document in re.split(r"(?m)^---", text):
        found = dict(_KIND.findall(document))
        if len(found) == 2:
            yield f"{found['apiVersion']} {found['kind']}"


def _crds(data: bytes, path: str) -> dict[str, frozenset[str]]:
    """Only of plain files: what a template makes of them, the site alone knows."""
    if b"CustomResourceDefinition" not in data or b"{{" in data:
        return {}
    try:
        documents = load_all(data, path)
    except BundlerError as error:
        if error.code is not ExitCode.INPUT:
            raise
        return {}
    found: dict[str, frozenset[str]] = {}
    for document in documents:
        match document.data:
            case {
                "kind": "CustomResourceDefinition",
                "metadata": {"name": str(name)},
                "spec": {"versions": list(all_)},
            }:
                served = (each for each in all_ if isinstance(each, dict) and each.get("served", True))
                found[name] = frozenset(str(each.get("name")) for each in served)
    return found


def _etcd(index: Index) -> str:
    names = (Reference.parse(image.name) for image in index.images)
    tags = (each.tag for each in names if each.repository.rpartition("/")[2] == "etcd" and each.tag)
    return next(tags, "")


def _containerd(index: Index) -> str:
    archives = (found[1] for member in index.members if (found := _ARCHIVE.match(member.path)))
    packages = (p.version for p in index.packages if p.name in {"containerd", "containerd.io"})
    return index.labels.get("io.containerd.version") or next(archives, "") or next(packages, "")
