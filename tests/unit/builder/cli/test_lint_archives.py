"""`bundler lint` reads image archives: what `lock` (as `make`) refuses of them, it refuses, too."""

import gzip
import io
import signal
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bundler.builder.cli import app as cli
from tests.kits.images import MadeImage, docker_files, layout_files

ONE, TWO = MadeImage(b"one"), MadeImage(b"two")
NAME = "docker.io/acme/a:1"
F = "FROM scratch\n"


def tar(files: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


DOCKER = tar(docker_files({NAME: ONE}))
OTHER = tar(docker_files({NAME: TWO}))
OCI = tar(layout_files({NAME: ONE}))
HURT = DOCKER.replace(b"one", b"0ne")
ARM = tar(docker_files({NAME: MadeImage(b"arm", platform="linux/arm64")}))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("BUNDLER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers

    def call(kubefile: Any, files: Any, *words: Any) -> Any:
        folder = tmp_path / "ctx"
        for name, data in {"Kubefile": (F + kubefile).encode(), **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["bundler", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return call


@pytest.mark.parametrize(
    ("kubefile", "files"),
    [
        ("IMAGE docker-archive:a.tar\n", {"a.tar": DOCKER}),
        ("IMAGE docker-archive:a.tar.gz\n", {"a.tar.gz": gzip.compress(DOCKER)}),
        ("IMAGE oci-archive:a.tar\n", {"a.tar": OCI}),
        (f"IMAGE docker-archive:a.tar:{NAME}\n", {"a.tar": DOCKER}),
        ("COPY a.tar images/\n", {"a.tar": DOCKER}),
        ("IMAGE docker-archive:a.tar\nCOPY b.tar images/\n", {"a.tar": DOCKER, "b.tar": DOCKER}),
        ("RUN true\nCOPY a.tar images/\n", {"a.tar": DOCKER}),
    ],
)
def test_what_can_be_taken_has_no_finding(call: Any, tmp_path: Path, kubefile: str, files: Any) -> None:
    code, said = call(kubefile, files, "lint", ".")
    assert (code, "[image" in said) == (0, False), said
    assert not (tmp_path / "cache").exists()  # nothing is kept


REFUSED = [
    ("IMAGE docker-archive:a.tar\n", {"a.tar": HURT}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar\n", {"a.tar": b"no archive"}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar\n", {"a.tar": DOCKER[:1000]}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar\n", {"a.tar": gzip.compress(DOCKER)[:-20]}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar\n", {"a.tar": tar({"x": b"1"})}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar:docker.io/acme/z:1\n", {"a.tar": tar(docker_files({NAME: ONE, "b:1": TWO}))},
     "Kubefile:2:7"),
    ("IMAGE oci-archive:a.tar\n", {"a.tar": tar({"oci-layout": b"{}", "index.json": b"{"})}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar\n", {"a.tar": ARM}, "Kubefile:2:7"),
    ("IMAGE docker-archive:a.tar\nIMAGE docker-archive:b.tar\n", {"a.tar": DOCKER, "b.tar": OTHER},
     "Kubefile:3:7"),
    ("COPY a.tar images/\n", {"a.tar": tar({"x": b"1"})}, "images/a.tar"),
    ("COPY a.tar images/\n", {"a.tar": HURT}, "images/a.tar"),
    ("COPY a.tar images/\nIMAGE docker-archive:b.tar\n", {"a.tar": DOCKER, "b.tar": OTHER}, "Kubefile:3:7"),
]  # fmt: skip


@pytest.mark.parametrize(("kubefile", "files", "place"), REFUSED)
def test_what_make_refuses_lint_refuses_at_the_same_place(
    call: Any, kubefile: Any, files: Any, place: Any
) -> None:
    code, said = call(kubefile, files, "lint", ".")
    assert code == 3, said
    assert f"error: {place}: " in said
    refused, told = call(kubefile, files, "lock", ".")
    assert refused != 0
    assert f"] {place}: " in told


def test_a_missing_archive_is_told_once(call: Any) -> None:
    code, said = call("IMAGE docker-archive:gone.tar\n", {}, "lint", ".")
    assert code == 3
    assert said.count("error: ") == 1
