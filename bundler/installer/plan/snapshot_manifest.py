"""What a snapshot says of itself, and whether it may be restored here. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.kubernetes_version import KubernetesVersion
from bundler.installer.site.record import SCHEMA, Record
from bundler.installer.site.record_json import from_json
from bundler.installer.trust.product_version import is_older

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
FILES: Final = "files.tar"
DATABASE: Final = "etcd.db"
LIMIT: Final = 4 << 20  # bytes of a manifest


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the snapshot."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """made: UTC. host: the node that it was made on. ca: sha256 of the cluster's CA certificate, in hex.

    revision, keys: of etcd, as its own tool counts them. record: the site's at that moment.
    """

    made: datetime
    host: str
    kubernetes: str
    etcd: str
    ca: str
    revision: int
    keys: int
    record: Record
    parts: Mapping[str, Part]

    @property
    def stamp(self) -> str:
        """Its time as part of a file's name."""
        return self.made.strftime("%Y%m%dT%H%M%SZ")

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Here:
    """What a snapshot is to be restored to. ca: of the cluster that is here, "" for none."""

    name: str
    product: str
    version: str
    kubernetes: str
    record: Record | None = None
    ca: str = ""


def parse(data: bytes, name: str) -> Manifest:
    """name: of the file, for errors. Raises BundlerError: UNSUPPORTED for a later format, INTEGRITY."""
    try:
        read: dict[str, Any] = json.loads(data)
        number = int(read["format"])
    except (ValueError, KeyError, TypeError):
        raise _damaged(name) from None
    if number > FORMAT:
        raise BundlerError(
            "the snapshot was written by a later version",
            where=name,
            why=f"its format is {number}; this file knows {FORMAT}",
            code=ExitCode.UNSUPPORTED,
            fix="use the .run that wrote it, or a later one",
        )
    try:
        return _manifest(read)
    except (ValueError, KeyError, TypeError, AttributeError, BundlerError):
        raise _damaged(name) from None


def _manifest(read: Mapping[str, Any]) -> Manifest:
    parts = {
        str(path): Part(Digest(str(each["sha256"])), int(each["size"]))
        for path, each in read["files"].items()
    }
    if parts.keys() != {FILES, DATABASE} or any(part.size < 0 for part in parts.values()):
        raise ValueError(parts)
    status = read["status"]
    return Manifest(
        made=datetime.strptime(str(read["made"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        host=str(read["host"]),
        kubernetes=str(read["kubernetes"]),
        etcd=str(read["etcd"]),
        ca=Digest(str(read["ca"])).hex,
        revision=int(status["revision"]),
        keys=int(status["totalKey"]),
        record=from_json(json.dumps(read["record"])),
        parts=parts,
    )


def _damaged(name: str) -> BundlerError:
    return BundlerError(
        "the snapshot's manifest can't be read",
        where=name,
        code=ExitCode.INTEGRITY,
        fix="take another snapshot",
    )


def check(found: Manifest, here: Here, name: str) -> None:
    """Whether it is of this site, and whether this .run can go on with it. Raises BundlerError (REFUSED)."""
    for what, why, fix in _obstacles(found, here):
        raise BundlerError(
            f"refused to restore: {what}",
            where=name,
            why=why,
            code=ExitCode.REFUSED,
            fix=f"{fix}; nothing was changed",
        )


def _obstacles(found: Manifest, here: Here) -> list[tuple[str, str, str]]:
    """What, why and the way on, the gravest first."""
    record, obstacles = found.record, list[tuple[str, str, str]]()
    if record.schema > SCHEMA:
        obstacles.append(
            ("it was written by a later version", "its record's format is unknown here", "use a later .run")
        )
    if record.name != here.name:
        fix = "name its own Clusterfile, or another snapshot"
        obstacles.append(("it is from another site", f"it is of {record.name}, and this is {here.name}", fix))
    if here.record is not None and here.record.site_id != record.site_id:
        why = f"its site has the id {record.site_id}, the hosts are tagged with {here.record.site_id}"
        obstacles.append(
            ("it is from another cluster", why, "take a snapshot of this site, or delete the one here")
        )
    elif here.ca and here.ca != found.ca:
        why = "the cluster here has another CA; a restore would cut off every client that trusts it"
        obstacles.append(
            ("it is from another cluster", why, "take a snapshot of this cluster, or delete it first")
        )
    obstacles += _versions(found, here)
    return obstacles


def _versions(found: Manifest, here: Here) -> list[tuple[str, str, str]]:
    theirs, ours = KubernetesVersion.parse(found.kubernetes), KubernetesVersion.parse(here.kubernetes)
    product = found.record.product(here.product)
    if theirs > ours:
        why = f"it has Kubernetes {found.kubernetes}, this file brings {here.kubernetes}"
        return [("it is from a newer version", why, "use the .run that the site was running")]
    if product is not None and is_older(here.version, product.version):
        why = f"it has {here.product} {product.version}, this file brings {here.version}"
        return [("it is from a newer version", why, "use the .run that the site was running")]
    if (theirs.major, theirs.minor) != (ours.major, ours.minor):
        why = f"it has Kubernetes {found.kubernetes}, this file brings {here.kubernetes}"
        fix = f"restore with the .run of {found.kubernetes}, then upgrade"
        return [("it is from an older minor version", why, fix)]
    if found.record.owner and found.record.owner != here.product:
        why = f"{found.record.owner} brought its Kubernetes"
        return [
            ("it is from another product's cluster", why, f"restore with the .run of {found.record.owner}")
        ]
    return []


def planted(found: Manifest, before: Record | None) -> Record:
    """The record with which a restored site begins: it knows its id and no host, so that every host joins.

    before: the newest that is on the hosts now. Its age is beyond both, so that what the restored etcd holds
    counts as the older one.
    """
    generation = max(found.record.generation, before.generation if before else 0) + 1
    return replace(
        found.record, generation=generation, serial=1, run="", operation="restore", hosts=(), stored={}
    )
