"""Hostile .runs under the shell: the stub's own answers, and the installer behind it."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.builder.runtime.freeze import stub_template
from bundler.core.archive.seal import ALIGN, LENGTH, TEXT
from bundler.core.errors import ExitCode
from bundler.installer.cli import main as cli
from bundler.installer.cli.environment import RUN_FILE
from tests.kits.archive.hostile_cases import corpus
from tests.kits.archive.hostile_kit import Base, Case, is_clear, left_whole, make_base, room_of

pytestmark = pytest.mark.real

CORPUS = {case.name: case for case in corpus()}
START = f'#!/bin/sh\nPYTHONPATH={os.getcwd()} exec {sys.executable} -m bundler.installer.cli.main "$@"\n'  # noqa: PTH109
SHELLS = [shell for shell in ("sh", "bash") if shutil.which(shell)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A good .run with the real stub, and the installer from this checkout for a frozen one."""
    folder = tmp_path_factory.mktemp("good")
    runtime = folder / "runtime.tar.gz"
    with tarfile.open(runtime, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        start = tarfile.TarInfo("start")
        start.mode, start.size = 0o755, len(START)
        tar.addfile(start, io.BytesIO(START.encode()))
    return make_base(folder / "good.run", runtime, stub_template())


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the stub may unpack the installer to: below no folder that others may write to."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


def call(
    path: Path, *words: str, shell: str = "sh", place: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shell, str(path), *words],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        cwd=path.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(path.parent), "TMPDIR": str(place or "/nonexistent")},
    )


def lay(base: Base, case: Case, folder: Path) -> Path:
    path = folder / "x.run"
    path.write_bytes(case.make(base))
    return path


# What the stub's own check can know: the seal and what it covers. The stub itself stays as it was.
_SPOILED = [
    *(name for name in CORPUS if name.startswith("flip-seal-") and int(name[10:]) % 20 == 0),
    *(name for name in CORPUS if name.startswith("flip-padding-") and int(name[13:]) % 8 == 0),
    *(f"flip-{name}-{step}" for name, step in (("runtime", 0), ("archive", 15), ("index", 7), ("list", 15))),
    *(f"flip-gap-{name}-3" for name in ("stub", "list")),
    *("cut-at-5+0", "cut-at-9+1", "cut-by-1", "behind-zeros-1", "behind-another-run"),
    *("seal-nul", "seal-tabs", "seal-comment", "seal-blank-between", "seal-name-another", "seal-format-2"),
    *("seal-without-line-5", "seal-swapped-5", "seal-twice-6", "seal-hash-of-nothing", "seal-windows-lines"),
    *("place-archive-offset-0x10", "place-archive-length-nothing", "place-info-offset--1"),
    *("place-index-length-9223372036854775808", "place-list-offset-18446744073709617152"),
]


@pytest.mark.parametrize("name", _SPOILED)
def test_the_stub_finds_what_is_spoiled(base: Base, tmp_path: Path, name: str) -> None:
    shell = SHELLS[_SPOILED.index(name) % len(SHELLS)]
    told = call(lay(base, CORPUS[name], tmp_path), "--check", "--quiet", shell=shell)
    assert told.returncode == ExitCode.INTEGRITY, told.stderr
    assert is_clear(told.stderr), told.stderr
    assert told.stderr.startswith("x.run: ")
    assert [each.name for each in tmp_path.iterdir()] == ["x.run"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("lie", ["a[$(touch${IFS}pwned)]", "$(touch${IFS}pwned)", "`touch pwned`", "*", "-1"])
def test_nothing_in_the_seal_is_ever_run(base: Base, tmp_path: Path, lie: str, shell: str) -> None:
    def edit(text: bytes) -> bytes:
        return text.replace(b"archive 131072", b"archive " + lie.encode())

    path = tmp_path / "x.run"
    path.write_bytes(base.parts.build(edit))
    assert base.data != path.read_bytes()
    told = call(path, "--check", shell=shell)
    assert told.returncode == ExitCode.INTEGRITY
    assert [each.name for each in tmp_path.iterdir()] == ["x.run"]


@pytest.mark.parametrize("room", [b"\0" * TEXT, b"\0".ljust(TEXT, b"\n"), b"-----BEGIN".ljust(TEXT, b"\n")])
def test_the_stub_finds_what_is_no_signature(base: Base, tmp_path: Path, room: bytes) -> None:
    path = tmp_path / "x.run"
    path.write_bytes(base.data[: room_of(base)] + room)
    told = call(path, "--check")
    assert (told.returncode, "signature" in told.stderr) == (ExitCode.INTEGRITY, True)


@pytest.mark.parametrize("question", ["--list", "--info", "--check"])
def test_a_cut_file_gives_no_half_answers(base: Base, tmp_path: Path, question: str) -> None:
    path = tmp_path / "x.run"
    for size in (ALIGN + 1, ALIGN * 2 + 5, len(base.data) - 1):
        path.write_bytes(base.data[:size])
        told = call(path, question)
        assert (told.returncode, told.stdout) == (ExitCode.INTEGRITY, "")
        assert f"it has {size} bytes" in told.stderr


@pytest.mark.parametrize("question", ["--list", "--info", "--check"])
def test_a_file_cut_where_a_part_may_end_lacks_parts(base: Base, tmp_path: Path, question: str) -> None:
    path = tmp_path / "x.run"
    for size in (ALIGN, ALIGN * 2, len(base.data) - LENGTH):
        path.write_bytes(base.data[:size])
        told = call(path, question)
        assert (told.returncode, told.stdout) == (ExitCode.NOT_FOUND, "")
        assert "x.run.001" in told.stderr
        assert f"the first {size} bytes of {len(base.data)}: it was cut, or" in told.stderr


def test_the_good_file_answers(base: Base, tmp_path: Path, place: Path) -> None:
    path = tmp_path / "x.run"
    path.write_bytes(base.data)
    for shell in SHELLS:
        told = call(path, "--check", shell=shell)
        assert told.returncode == 0, told.stderr
        assert told.stdout.endswith("demo 1.0.0: every byte is as it was sealed\n")
        assert "web" in call(path, "--list", shell=shell).stdout
    started = call(path, "plan", "--clusterfile", "none.yaml", place=place)
    assert started.returncode not in {ExitCode.OK, ExitCode.BUG, ExitCode.INTEGRITY}, started.stderr


# Under the installer: what the stub doesn't look at.
_STARTED = {
    "flip-index-3": ExitCode.INTEGRITY,
    "flip-runtime-7": ExitCode.INTEGRITY,
    "flip-seal-100": ExitCode.INTEGRITY,
    "cut-by-1": ExitCode.INTEGRITY,
    "cut-at-9+1": ExitCode.INTEGRITY,
    "member-path-7": ExitCode.INTEGRITY,
    "index-apps-name-1": ExitCode.INTEGRITY,
    "index-format-newer-0": ExitCode.UNSUPPORTED,
    "text-deep-lists": ExitCode.INTEGRITY,
}


@pytest.mark.parametrize("name", _STARTED)
def test_the_installer_refuses_it(base: Base, tmp_path: Path, place: Path, name: str) -> None:
    path = lay(base, CORPUS[name], tmp_path)
    path.chmod(0o755)
    (tmp_path / "site.yaml").write_text("kind: Cluster\n")
    told = call(path, "plan", "--clusterfile", "site.yaml", place=place)
    assert told.returncode == _STARTED[name], told.stderr
    assert is_clear(told.stderr), told.stderr
    assert {each.name for each in tmp_path.iterdir()} == {"x.run", "site.yaml"}
    assert {each.parts[len(place.parts)] for each in place.rglob("*")} <= {f"bundler-{os.getuid()}"}


def test_plan_ends_with_its_code_for_every_file(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The corpus through the command line, in this process. Nobody trusts the good file's key here."""
    path = tmp_path / "x.run"
    site = tmp_path / "site.yaml"
    site.write_text("kind: Cluster\n")
    monkeypatch.setenv(RUN_FILE, str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for case in tuple(CORPUS.values())[::4]:  # some of every kind; all go through the reader elsewhere
        path.write_bytes(case.make(base))
        code = cli.main(["plan", "--clusterfile", str(site)])
        text = capsys.readouterr().err
        assert code in case.codes | {ExitCode.TRUST}, (case.name, text)
        assert is_clear(text), (case.name, text)
        assert {each.name for each in tmp_path.iterdir()} == {"x.run", "site.yaml"}


def test_extract_takes_out_what_is_right_or_nothing(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bit may be wrong where nothing is taken from; what is taken out is right, and lies inside."""
    path, out = tmp_path / "x.run", tmp_path / "out"
    monkeypatch.setenv(RUN_FILE, str(path))
    lying = [case for case in CORPUS.values() if case.name.startswith(("frame-", "member-", "flip-archive-"))]
    for case in lying[::2]:
        path.write_bytes(case.make(base))
        code = cli.main(["extract", "*", "--target", str(out)])
        text = capsys.readouterr().err
        assert code in case.codes | {ExitCode.OK}, (case.name, text)
        assert out.exists() == (code == ExitCode.OK), case.name
        assert left_whole(out), case.name
        shutil.rmtree(out, ignore_errors=True)
        assert {each.name for each in tmp_path.iterdir()} == {"x.run"}
