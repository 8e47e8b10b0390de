"""Charts out of a bundle: which are found, how they are packed, what the repository's index says."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.core.archive import BundleWriter
from bundler.core.archive.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index
from bundler.installer.cli.main import main
from bundler.installer.handout.charts import charts, pack
from bundler.installer.handout.export import Kind, export

WEB = "root/application/apps/web"
FILES = {
    f"{WEB}/.helmignore": b"",
    f"{WEB}/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.2.3+x\nappVersion: '1.10'\n",
    f"{WEB}/charts/sub/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 0.1.0\n",
    f"{WEB}/templates/a.yaml": b"a: 1\n",
    "root/charts/db/Chart.yaml": b"apiVersion: v2\nname: db\nversion: 2.0.0\n",
    "sbom/bom.cdx.json": b"{}",
}
INDEX = Index("demo", "1", "linux/amd64", "", {}, {}, (), (), (), (), (), ())


def made(tmp_path: Path, files: Mapping[str, bytes]) -> Path:
    frozen = tmp_path / "frozen.tar.gz"
    frozen.write_bytes(gzip.compress(b"frozen", mtime=0))
    target = tmp_path / "demo.run"
    with BundleWriter(target, stub="#!/bin/sh\n", runtime=frozen) as writer:
        for path, data in files.items():
            writer.add(path, [data], size=len(data), digest=Digest.of(data))
        writer.finish(INDEX)
    return target


def test_subcharts_stay_inside_theirs(tmp_path: Path) -> None:
    with Bundle.open(made(tmp_path, FILES)) as bundle:
        found = charts(bundle)
        packed = pack(bundle, found[1])
        assert pack(bundle, found[1]) == packed
    assert [chart.file for chart in found] == ["db-2.0.0.tgz", "web-1.2.3+x.tgz"]
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        names = tar.getnames()
    assert names[0] == "web/Chart.yaml"
    assert sorted(names[1:]) == ["web/.helmignore", "web/charts/sub/Chart.yaml", "web/templates/a.yaml"]


def test_the_export_is_a_chart_repository(tmp_path: Path) -> None:
    with Bundle.open(made(tmp_path, FILES)) as bundle:
        assert export(bundle, Kind.CHARTS, tmp_path / "out", umask=0o022, progress=lambda _: None) == 3
    listed = json.loads((tmp_path / "out/index.yaml").read_text())["entries"]
    (web,) = listed["web"]
    assert (web["version"], web["appVersion"], web["urls"]) == ("1.2.3+x", "1.10", ["web-1.2.3+x.tgz"])
    assert web["digest"] == Digest.of((tmp_path / "out/web-1.2.3+x.tgz").read_bytes()).hex


@pytest.mark.parametrize("text", [b"", b"[]", b"name: ../../x\nversion: 1\n", b"name: x\n"])
def test_a_chart_without_a_proper_name_is_refused(tmp_path: Path, text: bytes) -> None:
    with Bundle.open(made(tmp_path, {"root/charts/x/Chart.yaml": text})) as bundle:
        with pytest.raises(BundlerError) as caught:
            export(bundle, Kind.CHARTS, tmp_path / "out", umask=0, progress=lambda _: None)
        assert caught.value.code is ExitCode.INPUT
    assert not (tmp_path / "out").exists()


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(made(tmp_path, FILES)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUNDLER_UMASK", "0022")
    assert main(["extract", "sbom/*", "--target", "x"]) == ExitCode.OK
    assert (tmp_path / "x/sbom/bom.cdx.json").read_bytes() == b"{}"
    assert main(["export", "sbom", "s"]) == ExitCode.OK
    assert (tmp_path / "s/bom.cdx.json").stat().st_mode & 0o777 == 0o644
    assert main(["export", "images", "i"]) == ExitCode.NOT_FOUND
    assert not (tmp_path / "i").exists()
    capsys.readouterr()
    monkeypatch.setenv("BUNDLER_QUIET", "yes")
    assert main(["export", "charts", "c"]) == ExitCode.OK
    assert capsys.readouterr().err == ""
