"""Which snapshot may be restored where, as a table; the record that a restored site begins with."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan import snapshot_manifest as manifest
from bundler.installer.plan.snapshot_manifest import Here
from bundler.installer.site.record import Record
from bundler.installer.site.record_json import to_json
from tests.unit.installer.snapshot import kit

HERE = Here("trial", "demo", "1", "v1.34.4")


def recorded(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_json(replace(kit.RECORD, **changes)))
    return found


@pytest.mark.parametrize(
    ("here", "changes", "said"),
    [
        (HERE, {}, ""),
        (replace(HERE, record=kit.RECORD, ca=kit.CA), {}, ""),
        (replace(HERE, kubernetes="v1.34.9"), {}, ""),
        (replace(HERE, version="2"), {}, ""),
        (replace(HERE, name="other"), {}, "it is from another site"),
        (replace(HERE, record=replace(kit.RECORD, site_id="s2")), {}, "it is from another cluster"),
        (replace(HERE, record=kit.RECORD, ca="0" * 64), {}, "it is from another cluster"),
        (replace(HERE, kubernetes="v1.34.3"), {}, "it is from a newer version"),
        (replace(HERE, kubernetes="v1.33.9"), {}, "it is from a newer version"),
        (replace(HERE, version="0.9"), {}, "it is from a newer version"),
        (replace(HERE, kubernetes="v1.35.1"), {}, "it is from an older minor version"),
        (replace(HERE, product="other"), {}, "it is from another product's cluster"),
        (HERE, {"record": {**recorded(), "schema": 99}}, "it was written by a later version"),
    ],
)
def test_where_a_snapshot_may_be_restored(here: Here, changes: dict[str, Any], said: str) -> None:
    found = manifest.parse(kit.manifest(**changes), "x")
    if not said:
        manifest.check(found, here, "x")
        return
    with pytest.raises(BundlerError) as caught:
        manifest.check(found, here, "x")
    assert caught.value.code is ExitCode.REFUSED
    assert said in str(caught.value)
    assert "nothing was changed" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"made": "yesterday"},
        {"ca": "../x"},
        {"status": {}},
        {"record": None},
        {"files": {"etcd.db": {"sha256": kit.CA, "size": 1}}},
        {"files": {**json.loads(kit.manifest())["files"], "x": {"sha256": kit.CA, "size": 1}}},
        {"files": {name: {"sha256": kit.CA, "size": -1} for name in ("etcd.db", "files.tar")}},
    ],
)
def test_a_manifest_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(BundlerError) as caught:
        manifest.parse(kit.manifest(**changes), "x")
    assert caught.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize(
    ("before", "generation"), [(None, 8), (kit.RECORD, 8), (replace(kit.RECORD, generation=30), 31)]
)
def test_a_restored_site_knows_its_id_and_no_host(before: Record | None, generation: int) -> None:
    made = manifest.planted(manifest.parse(kit.manifest(), "x"), before)
    assert (made.site_id, made.hosts, made.operation) == ("s1", (), "restore")
    assert made.generation == generation
    assert made.products == kit.RECORD.products
