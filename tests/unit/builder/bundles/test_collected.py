"""`bundler inspect` of what a site has collected: a file from a customer, of whose bytes nobody vouches."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.bundles import collected
from bundler.core.errors import BundlerError, ExitCode

INDEX: dict[str, Any] = {
    "schema": 1,
    "kind": "bundler-collection",
    "site": "shop-berlin",
    "created": 1_800_000_000.0,
    "limit": 100 << 20,
    "status": {
        "state": "findings",
        "product": {"name": "shop", "version": "2.1.0"},
        "kubernetes": "v1.36.3",
        "hosts": [
            {"address": "10.0.0.11", "node": "cp1", "roles": ["control-plane"], "state": "ready",
             "versions": {"kubelet": "v1.36.3", "containerd": ""}, "os": "debian 12"},
        ],
        "parts": {"etcd": {"state": "well", "text": "1 of 1 healthy"}},
        "findings": [
            {"id": "disk-full", "severity": "warning", "hosts": ["10.0.0.11"], "subject": "", "text": "87%"}
        ],
    },
    "files": [{"path": "x", "host": "", "bytes": 3 << 20, "masked": {}, "cut": False}],
    "left_out": [],
    "silent": {"10.0.0.34": "no route to host"},
    "masked": 118,
}  # fmt: skip


def archive(folder: Path, index: object = INDEX, name: str = "site/index.json") -> Path:
    raw = io.BytesIO()
    data = index if isinstance(index, bytes) else json.dumps(index).encode()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for member, content in (("site/hosts/a.txt", b"x" * 5000), (name, data)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path = folder / "a.tar.gz"
    half = len(raw.getvalue()) // 2  # two gzip members, as `collect` writes many
    path.write_bytes(gzip.compress(raw.getvalue()[:half]) + gzip.compress(raw.getvalue()[half:]))
    return path


def test_it_tells_hosts_versions_and_findings(tmp_path: Path) -> None:
    path = archive(tmp_path)
    assert collected.is_collected(path)
    assert collected.describe(path, as_json=False) == (
        "site: shop-berlin, collected 2027-01-15 08:00 UTC\n"
        "product: shop 2.1.0, Kubernetes v1.36.3\n"
        "state: findings\n"
        "! warning  disk-full  10.0.0.11  87%\n"
        "etcd: well, 1 of 1 healthy\n"
        "host: 10.0.0.11 (cp1): ready, control-plane; debian 12; kubelet v1.36.3\n"
        "gave nothing: 10.0.0.34: no route to host\n"
        "files: 1, 3.0 MiB; masked 118 secrets; left out no file\n"
    )
    assert json.loads(collected.describe(path, as_json=True)) == INDEX


def test_a_run_is_no_collection(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_bytes(b"#!/bin/sh\n")
    assert not collected.is_collected(path)
    assert not collected.is_collected(tmp_path / "none")


@pytest.mark.parametrize(
    "index",
    [b"", b"{", b"[]", b"[" * 200_000, {"kind": "other"}, {**INDEX, "status": {}}, {**INDEX, "files": 3},
     {**INDEX, "created": 1e300}, {**INDEX, "created": "x"}],
)  # fmt: skip
def test_what_is_something_else_is_refused(tmp_path: Path, index: object) -> None:
    with pytest.raises(BundlerError) as caught:
        collected.describe(archive(tmp_path, index), as_json=False)
    assert caught.value.code is ExitCode.INPUT


def test_a_later_schema_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        collected.describe(archive(tmp_path, {**INDEX, "schema": 2}), as_json=False)
    assert caught.value.code is ExitCode.UNSUPPORTED


@pytest.mark.parametrize("name", ["site/hosts/index.json", "index.json", "../index.json/x"])
def test_only_the_archive_s_own_index_counts(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundlerError):
        collected.read(archive(tmp_path, INDEX, name))


def test_damage_and_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(BundlerError):
        collected.read(path)
    path.write_bytes(b"\x1f\x8b" + whole[10:])
    with pytest.raises(BundlerError):
        collected.read(path)
    monkeypatch.setattr(collected, "_BYTES", 4000)
    path.write_bytes(whole)
    with pytest.raises(BundlerError, match="neither"):
        collected.read(path)
