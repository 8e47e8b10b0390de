"""A small snapshot to write, read and alter."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bundler.core.digest import Digest
from bundler.installer.plan.snapshot_manifest import parse
from bundler.installer.site.model import Role
from bundler.installer.site.record import HostState, Product, Record, RecordedHost
from bundler.installer.site.record_json import to_json
from bundler.installer.snapshot import container
from bundler.installer.snapshot.age import PassPhrase, Recipient

CA = Digest.of(b"ca").hex
RECORD = Record(
    site_id="s1",
    name="trial",
    generation=7,
    serial=3,
    kubernetes="v1.34.4",
    hosts=(RecordedHost("10.0.0.2", "old-machine", "n1", Role.CONTROL_PLANE, HostState.MEMBER),),
    products=(Product("demo", "1", "SHA256:k", ("net",)),),
)


def files_tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


DATABASE = b"etcd " * 100_000
FILES = files_tar({"etc/kubernetes/pki/ca.crt": b"ca", "var/lib/bundler/secrets.json": b'{"ca": "x"}'})


def manifest(**changes: Any) -> bytes:
    read = {
        "format": 1,
        "made": "2027-06-08T09:12:40Z",
        "host": "n1",
        "kubernetes": "v1.34.4",
        "etcd": "3.6.5-0",
        "ca": CA,
        "status": {"hash": 1, "revision": 4711, "totalKey": 815, "totalSize": 9},
        "record": json.loads(to_json(RECORD)),
        "files": {
            "files.tar": {"sha256": Digest.of(FILES).hex, "size": len(FILES)},
            "etcd.db": {"sha256": Digest.of(DATABASE).hex, "size": len(DATABASE)},
        },
        **changes,
    }
    return json.dumps(read).encode()


def pieces(data: bytes) -> Iterable[bytes]:
    return (data[start : start + 30_000] for start in range(0, len(data), 30_000))


def write(
    path: Path, to: list[Recipient] | PassPhrase, text: bytes | None = None, database: bytes = DATABASE
) -> None:
    text = text or manifest()
    parts = {"files.tar": pieces(FILES), "etcd.db": pieces(database)}
    path.write_bytes(b"".join(container.written(text, parse(text, "x"), parts, to)))


def plain(path: Path, *members: tuple[str, bytes]) -> None:
    """As a control plane keeps its own."""
    path.write_bytes(
        files_tar(
            dict(members or (("manifest.json", manifest()), ("files.tar", FILES), ("etcd.db", DATABASE)))
        )
    )
