"""Rendering a chart reaches no network and no files; schemas that would are refused with their line."""

import ctypes
import io
import json
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.core.chart_schema import outside_references
from bundler.core.errors import BundlerError, Problems
from tests.kits.servers import content, serving

pytestmark = pytest.mark.real

CHART = {"Chart.yaml": "{apiVersion: v2, name: shop, version: 0.1.0}", "templates/x.yaml": "a: 1"}
DRAFT = "http://json-schema.org/draft-07/schema#"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def schema(reference: str, key: str = "$ref") -> str:
    return json.dumps({"$schema": DRAFT, "type": "object", "properties": {"n": {key: reference}}}, indent=1)


def packed(name: str, files: Mapping[str, str | bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data if isinstance(data, bytes) else data.encode()))
    return raw.getvalue()


@pytest.mark.parametrize(
    "reference",
    [
        "https://schemas.example/defs.json#/n",
        "file:///etc/shadow",
        "defs.json#/n",
        "/etc/passwd",
        "//h.example/x",
    ],
)
def test_a_schema_that_leads_out_is_refused_with_its_line(tmp_path: Path, reference: str) -> None:
    chart = write(tmp_path / "shop", CHART | {"values.schema.json": schema(reference)})
    with pytest.raises(Problems) as caught:
        SdkHelm(timeout=30).render(RenderRequest(chart, "shop"), "charts/shop")
    (problem,) = caught.value.problems
    assert str(problem.location) == "charts/shop/values.schema.json:6"
    assert reference in problem.message


def test_nothing_is_asked_of_the_server_that_a_schema_names(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/defs.json"] = content(b"{}")
        reference = f"{server.base}/defs.json"
        chart = write(tmp_path / "shop", CHART | {"values.schema.json": schema(reference)})
        with pytest.raises(Problems):
            SdkHelm(timeout=30).render(RenderRequest(chart, "shop"), "charts/shop")
        assert server.seen == []


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_subcharts_packed_ones_too_are_looked_into(tmp_path: Path, depth: int) -> None:
    bad = {"values.schema.json": schema("https://h.example/x")}
    inner: dict[str, str | bytes] = {**CHART, **bad}
    for _ in range(depth):
        inner = {**CHART, "charts/sub-0.1.0.tgz": packed("sub", inner)}
    files = CHART | {"charts/sub-0.1.0.tgz": packed("sub", inner)}
    (found,) = outside_references(write(tmp_path / "shop", files))
    assert (found.line, found.reference) == (6, "https://h.example/x")
    assert found.file.startswith("charts/sub-0.1.0.tgz: sub/")
    archive = tmp_path / "shop-0.1.0.tgz"
    archive.write_bytes(packed("shop", files))
    assert [one.reference for one in outside_references(archive)] == ["https://h.example/x"]


def test_a_chart_that_helm_has_packed_is_looked_into(tmp_path: Path) -> None:
    """Helm writes an extra field and a comment into gzip's header."""
    plain = packed("sub", CHART | {"values.schema.json": schema("https://h.example/x")})
    helms = b"\x1f\x8b\x08\x14" + plain[4:10] + b"\x05\x00+aHR0" + b"Helm\x00" + plain[10:]
    chart = write(tmp_path / "shop", CHART | {"charts/sub-0.1.0.tgz": helms})
    assert [one.reference for one in outside_references(chart)] == ["https://h.example/x"]


def test_a_packed_chart_that_is_cut_short_is_told(tmp_path: Path) -> None:
    cut = packed("sub", CHART)[:-20]
    with pytest.raises(ValueError, match="sub"):
        list(outside_references(write(tmp_path / "shop", CHART | {"charts/sub-0.1.0.tgz": cut})))


@pytest.mark.parametrize(
    "text",
    [
        schema("#/definitions/n"),
        schema("n", key="title"),
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"}),
        json.dumps(
            {
                "$id": "https://h.example/a.json",
                "$defs": {"k": {"$id": "k.json"}},
                "allOf": [{"$ref": "k.json"}],
            }
        ),
        json.dumps({"$id": "https://h.example/a.json", "allOf": [{"$ref": "https://h.example/a.json#/x"}]}),
        "not JSON at all",
        '{"properties": {"$ref": {"type": "string"}}}',
    ],
)
def test_a_schema_that_holds_all_it_needs_is_taken(tmp_path: Path, text: str) -> None:
    chart = write(tmp_path / "shop", CHART | {"values.schema.json": text})
    assert list(outside_references(chart)) == []


EVIL = "https://h.example/x"


@pytest.mark.parametrize(
    "text",
    [
        b'{"title": "\xff", "properties": {"a": {"$ref": "https://h.example/x"}}}',
        b'{"maximum": ' + b"9" * 5000 + b', "properties": {"a": {"$ref": "https://h.example/x"}}}',
        json.dumps({"default": {"$id": EVIL}, "properties": {"a": {"$ref": EVIL}}}).encode(),
        json.dumps({"enum": [{"$id": EVIL}], "properties": {"a": {"$ref": EVIL}}}).encode(),
        json.dumps({"x-more": {"$id": EVIL}, "properties": {"a": {"$ref": EVIL}}}).encode(),
        json.dumps({"properties": {"b": {"id": EVIL}, "a": {"$ref": EVIL}}}).encode(),
        json.dumps({"properties": {"b": {"$id": EVIL, "$ref": "#"}, "a": {"$ref": EVIL}}}).encode(),
    ],
    ids=["no-utf-8", "long-number", "default", "enum", "unknown-keyword", "id-of-draft-4", "beside-ref"],
)
def test_what_helm_would_follow_is_not_hidden_from_us(tmp_path: Path, text: bytes) -> None:
    chart = write(tmp_path / "shop", CHART | {"values.schema.json": text})
    assert [one.reference for one in outside_references(chart)] == [EVIL]


@pytest.mark.parametrize(
    "text",
    [
        '{"not": ' * 5000 + '{"$ref": "https://h.example/x"}' + "}" * 5000,
        '{"allOf": [{"$ref": "http://["}, {"$ref": "https://h.example/x"}]}',
    ],
    ids=["deep", "bad-address"],
)
def test_a_schema_that_we_can_not_read_is_refused(tmp_path: Path, text: str) -> None:
    chart = write(tmp_path / "shop", CHART | {"values.schema.json": text})
    with pytest.raises(BundlerError, match="schema"):
        SdkHelm(timeout=30).render(RenderRequest(chart, "shop"), "charts/shop")


def test_a_schema_that_leads_to_another_kind_of_schema_is_refused(tmp_path: Path) -> None:
    text = json.dumps({"$schema": "https://h.example/meta"})
    chart = write(tmp_path / "shop", CHART | {"values.schema.json": text})
    assert [one.reference for one in outside_references(chart)] == ["https://h.example/meta"]


def test_a_bomb_of_packed_charts_is_bounded(tmp_path: Path) -> None:
    inner: dict[str, str | bytes] = {**CHART}
    for _ in range(8):
        inner = {**CHART, "charts/sub-0.1.0.tgz": packed("sub", inner)}
    with pytest.raises(ValueError, match="deep"):
        list(outside_references(write(tmp_path / "shop", inner)))


PROBE = """
import socket, sys
from bundler.core.confine import confine
confine([sys.argv[1]])
print(open(sys.argv[1] + "/own").read())
try:
    open(sys.argv[2])
except OSError as error:
    print(type(error).__name__)
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=5)
except OSError as error:
    print("no network")
"""


def confinable() -> bool:
    """Whether this kernel has Landlock, and lets us have a network of our own."""
    landlock = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
    unshare = shutil.which("unshare")
    own = (
        unshare and subprocess.run([unshare, "-rn", "true"], check=False, capture_output=True).returncode == 0
    )
    return bool(landlock and own)


@pytest.mark.skipif(not confinable(), reason="no Landlock here, or no network namespaces")
def test_the_child_reaches_neither_the_network_nor_others_files(tmp_path: Path) -> None:
    write(tmp_path, {"chart/own": "mine", "secret": "x"})
    with serving() as server:
        port = server.base.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE, str(tmp_path / "chart"), str(tmp_path / "secret"), port],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.stdout.split("\n")[:3] == ["mine", "PermissionError", "no network"], done.stderr


def test_the_cache_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    for name in ("old", "new/er"):
        with Store(tmp_path / name) as store:
            assert stat.S_IMODE(store.root.stat().st_mode) == 0o700
