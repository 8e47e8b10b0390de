"""What strangers put into a build: each ends with a clear error, and nothing half-written is left."""

import gzip
import io
import os
import signal
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.builder.cli import app as cli

CHART = "apiVersion: v2\nname: chart\nversion: 1.0.0\n"
LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def text(path: str, content: str | bytes, *, more: bool = False) -> Callable[[Path], None]:
    """Write a file; `more`: behind what it has."""

    def spoil(folder: Path) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        target.write_bytes((target.read_bytes() if more else b"") + data)

    return spoil


def packed(name: str, kind: bytes = tarfile.REGTYPE) -> Callable[[Path], None]:
    """A chart in an archive with one member too many."""

    def spoil(folder: Path) -> None:
        with tarfile.open(folder / "chart.tgz", "w:gz") as tar:
            good = tarfile.TarInfo("chart/Chart.yaml")
            good.size = len(CHART)
            tar.addfile(good, io.BytesIO(CHART.encode()))
            bad = tarfile.TarInfo(name)
            bad.type, bad.linkname = kind, "/etc/passwd"
            tar.addfile(bad)
        text("Kubefile", "FROM scratch\nAPP web local://chart.tgz\n")(folder)

    return spoil


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "kubefile-no-utf-8": (text("Kubefile", b"FROM scratch\nENV A=\xff\xfe\n"), "not UTF-8"),
    "kubefile-nul": (text("Kubefile", b"FROM scratch\n\0\n"), "NUL"),
    "values-no-utf-8": (text("chart/values.yaml", b"\xff\xfe"), "values.yaml"),
    "values-laughs": (text("chart/values.yaml", LAUGHS), "aliasing"),
    "chart-no-utf-8": (text("chart/Chart.yaml", b"\xff\xfe"), "Chart.yaml"),
    "chart-key-twice": (text("chart/Chart.yaml", "name: other\n", more=True), "second time"),
    "template-laughs": (text("chart/templates/b.yaml", LAUGHS), "aliases"),
    "template-no-utf-8": (text("chart/templates/b.yaml", b"a: \xff\xfe\0"), "b.yaml"),
    "template-outside": (
        lambda folder: (folder / "chart/templates/p.yaml").symlink_to("/etc/passwd"),
        "leads out of the build context",
    ),
    "dependency-outside": (
        text(
            "chart/Chart.yaml",
            'dependencies:\n- {name: out, version: 1.0.0, repository: "file://../../../../etc"}\n',
            more=True,
        ),
        "climbs out",
    ),
    "fifo": (lambda folder: os.mkfifo(folder / "chart/templates/fifo"), "fifo"),
    "manifest-laughs": (text("manifests/x.yaml", LAUGHS), "aliases"),
    "image-list-no-utf-8": (text("manifests/imageList", b"\xff\xfe nginx\n"), "imageList"),
    "lock-that-is-none": (text("Kubefile.lock", "["), "lock can't be read"),
    "archive-climbs": (packed("../evil.yaml"), "climbs out"),
    "archive-link": (packed("chart/x", tarfile.SYMTYPE), "chart/x"),
    "archive-hard-link": (packed("chart/x", tarfile.LNKTYPE), "chart/x"),
    "archive-device": (packed("chart/x", tarfile.CHRTYPE), "chart/x"),
}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A Kubefile with a chart and manifests, without fault."""
    folder = tmp_path / "context"
    for path, content in (
        ("Kubefile", 'FROM scratch\nCOPY manifests manifests\nAPP web local://chart\nLAUNCH ["web"]\n'),
        ("manifests/y.yaml", "a: 1\n"),
        ("chart/Chart.yaml", CHART),
        ("chart/templates/a.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n"),
    ):
        text(path, content)(folder)
    return folder


@pytest.fixture
def make(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str]]:
    """Run `bundler make` without a network: its code and what it said."""
    runtime, out = tmp_path / "runtime.tar.gz", tmp_path / "out"
    runtime.write_bytes(gzip.compress(bytes(10240), mtime=0))  # an empty tar
    out.mkdir()
    monkeypatch.setenv("BUNDLER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers
    options = ["--offline", "--runtime", str(runtime), "-o", str(out / "x.run")]
    monkeypatch.setattr(sys, "argv", ["bundler", "make", str(context), *options])

    def run() -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return run


def test_the_context_is_without_fault(make: Callable[[], tuple[int, str]], tmp_path: Path) -> None:
    assert make()[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.run"]


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(
    make: Callable[[], tuple[int, str]], context: Path, tmp_path: Path, name: str
) -> None:
    spoil, says = BAD[name]
    spoil(context)
    code, told = make()
    assert (code, says in told) == (3, True), told
    assert "Traceback" not in told
    assert "\x1b" not in told
    assert list((tmp_path / "out").iterdir()) == []
