import errno
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import bundler
from bundler.builder.cli import app as cli
from bundler.builder.cli import invocation as session
from bundler.builder.cli.invocation import build_args
from bundler.core.errors import BundlerError, ExitCode

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    monkeypatch.setenv("BUNDLER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("BUNDLER_DEBIAN_MIRROR", raising=False)
    monkeypatch.delenv("BUNDLER_MIRRORS", raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers

    def run(*argv: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bundler", *map(str, argv)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "Kubefile").write_text('FROM scratch\nCOPY file etc/file\nCMDS ["true"]\n')
    (folder / "file").write_text("content\n")
    return folder


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    path = tmp_path / "runtime.tar.gz"
    path.write_bytes(gzip.compress(bytes(10240), mtime=0))  # an empty tar
    return path


def test_version_is_the_projects(call: Call) -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())
    assert bundler.__version__ == project["project"]["version"]
    assert call("--version") == (0, f"bundler {bundler.__version__}\n", "")


def test_a_build_loads_nothing_that_it_does_not_need() -> None:
    script = (
        "import sys\nimport bundler.builder.cli.app, bundler.builder.cli.invocation\n"
        "print(sorted({'rich', 'cryptography', 'paramiko'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "argv", [["--help"], ["make", "--help"], ["lint", "-h"], ["inspect", "-h"], ["push", "-h"]]
)
def test_help_is_quick_and_loads_nothing_heavy(argv: list[str]) -> None:
    script = (
        "import sys\nfrom bundler.builder.cli.app import app\n"
        f"try: app({argv!r}, standalone_mode=False)\n"
        "finally: print('httpx2' in sys.modules, 'zstandard' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert "Usage:" in done.stdout
    assert done.stdout.endswith("False False\n")


def test_make_makes_and_inspect_shows(call: Call, project: Path, runtime: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "shop.run"
    code, out, err = call("make", project, "-o", target, "--runtime", runtime)
    assert (code, target.is_file()) == (0, True)
    assert re.search(rf"^✓ {re.escape(str(target))}: shop 0\.0\.0, [\d.]+ [KM]iB, linux/amd64, ", out)
    assert [line.split("] ")[1] for line in err.splitlines() if line.startswith("[")] == [
        "installer",
        "stage",
        "images",
        "packages",
        "bill of materials",
        "assemble",
    ]
    log = Path(next(line for line in out.splitlines() if "log:" in line).split("log: ")[1])
    assert "== assemble" in log.read_text()
    code, out, _ = call("inspect", target)
    assert (code, "name: shop" in out, "root/etc/file" in out) == (0, True, True)
    code, out, _ = call("inspect", "--json", target)
    assert json.loads(out)["members"][0]["path"] == "root/etc/file"


def test_inspect_tells_who_signed(
    call: Call, project: Path, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLER_PASSPHRASE", "a long one")
    target, key, other = tmp_path / "shop.run", tmp_path / "vendor", tmp_path / "other"
    prints = [call("keygen", name)[1].splitlines()[-1] for name in (key, other)]
    assert call("make", project, "-o", target, "--runtime", runtime)[0] == 0
    assert "signed by: no one: this file is not signed\n" in call("inspect", target)[1]
    assert call("inspect", target, "--trust", f"{key}.pub")[0] == ExitCode.TRUST

    assert call("sign", target, "--key", key)[0] == 0
    code, out, _ = call("inspect", target)
    assert (code, f"signed by: {prints[0]} (an unknown key" in out) == (0, True)
    for word in (f"{key}.pub", prints[0]):
        code, out, _ = call("inspect", target, "--signature", "--trust", word)
        assert (code, out.startswith(f"signed by: {prints[0]}, trusted")) == (0, True)
    assert out == f"signed by: {prints[0]}, trusted\n"
    assert call("inspect", target, "--signature", "--trust", f"{key}.pub")[1].endswith(": vendor\n")
    code, out, error = call("inspect", target, "--trust", prints[1])
    assert (code, "which --trust does not name" in out) == (ExitCode.TRUST, True)
    assert prints[0] in error
    told = {"fits": True, "key": prints[0], "trusted": None, "who": ""}
    assert json.loads(call("inspect", target, "--signature", "--json")[1]) == told

    signature = target.read_bytes()[-4096:]
    (project / "file").write_text("something else\n")
    assert call("make", project, "-o", target, "--runtime", runtime)[0] == 0
    with target.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(signature)
    code, out, _ = call("inspect", target)
    assert (code, f"signed by: no one: there is a signature by {prints[0]}, but" in out) == (7, True)


def test_make_splits(call: Call, project: Path, runtime: Path, tmp_path: Path) -> None:
    target, whole = tmp_path / "shop.run", tmp_path / "whole.run"
    assert call("make", project, "-o", whole, "--runtime", runtime)[0] == 0
    code, out, _ = call("make", project, "-o", target, "--runtime", runtime, "--split", "192KiB")
    assert (code, bool(re.search(r"^  parts    \d+: shop.run, shop.run.001, …$", out, re.MULTILINE))) == (
        0,
        True,
    )
    sizes = [part.stat().st_size for part in sorted(tmp_path.glob("shop.run.00*"))]
    assert max(sizes) < 192 * 1024
    assert call("join", target)[0] == 0
    assert target.read_bytes() == whole.read_bytes()
    code, out, _ = call("split", target, "--size", "192KiB")
    assert (code, f"{target}.001: {128 * 1024} bytes" in out) == (0, True)
    assert call("inspect", target)[0] == 0


def test_quiet_is_quiet(call: Call, project: Path, runtime: Path, tmp_path: Path) -> None:
    assert call("make", project, "-q", "-o", tmp_path / "x.run", "--runtime", runtime) == (0, "", "")


def test_lint_in_three_forms(call: Call, project: Path) -> None:
    (project / "Kubefile").write_text("FROM scratch\nCOPPY a b\nRUNN x\n")
    code, out, _ = call("lint", project)
    assert (code, "2 errors" in out, "COPY" in out) == (3, True, True)
    code, out, _ = call("lint", project, "--format", "json")
    assert (code, [row["line"] for row in json.loads(out)]) == (3, [2, 3])
    code, out, _ = call("lint", "-f", project / "Kubefile", "--format", "sarif")
    assert (code, json.loads(out)["version"]) == (3, "2.1.0")
    (project / "Kubefile").write_text('FROM scratch\nCMDS ["true"]\n')
    assert call("lint", project)[0] == 0


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["mkae"], 2, "make"),
        (["make", "--nope"], 2, "--nope"),
        (["make", "-j", "0"], 2, "jobs"),
        (["make", "SHOP", "--split", "4 floppies"], 2, "no size"),
        (["make", "SHOP", "--platform", "amd64"], 2, "OS/ARCHITECTURE"),
        (["make", "SHOP", "--build-arg", "X"], 2, "NAME=VALUE"),
        (["make", "SHOP", "--build-arg", "X=1"], 3, "ARG X"),
        (["make", "SHOP", "-o", "SHOP"], 2, "folder"),
        (["make", "SHOP", "--cache", "/dev/null/x"], 2, "--cache"),
        (["make", "SHOP", "--log", "/dev/null/x"], 2, "--log"),
        (["make", "SHOP", "--mirrors", "/nowhere"], 4, "BUNDLER_MIRRORS"),
        (["make", "SHOP", "--platform", "linux/riscv64"], 14, "--runtime"),
        (["make", "SHOP", "--runtime", "/nowhere"], 4, "frozen installer"),
        (["make", "/nowhere"], 4, "Kubefile"),
        (["lint", "/nowhere"], 4, "Kubefile"),
        (["inspect", "/nowhere"], 4, "/nowhere"),
        (["inspect", "SHOP/file"], 6, "damaged"),
        (["push", "/nowhere", "x.example/a:1"], 4, "bundler pull"),
        (["push", "x.example/a:1"], 4, "bundler pull"),
        (["push", "SHOP/file", "x.example/a:1"], 6, "damaged"),
        (["push", "SHOP/file", "x.example/A:1"], 3, "capital letters"),
        (["push", "SHOP/file", f"x.example/a@sha256:{'0' * 64}"], 2, "digest"),
        (["pull", "A B"], 3, "not an image name"),
        (["save", "SHOP/file", "-o", "SHOP/out"], 6, "damaged"),
        (["load", "/nowhere"], 4, "/nowhere"),
        (["load", "SHOP"], 4, "index.json"),
        (["load", "SHOP/file"], 6, "damaged"),
        (["tag", "SHOP/file"], 2, "bundler tag FILE"),
        (["tag", "--remove"], 2, "bundler tag FILE"),
        (["tag", "--remove", "x.example/a:1"], 4, "lists"),
    ],
)
def test_errors_have_their_code_and_a_way_out(
    call: Call, project: Path, argv: list[str], code: int, said: str
) -> None:
    found, _, err = call(*(word.replace("SHOP", str(project)) for word in argv))
    assert (found, said in err) == (code, True), err
    assert "Traceback" not in err


def test_a_bug_is_told_without_a_traceback(
    call: Call, project: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(session, "make", broken)
    code, _, err = call("make", project, "--runtime", runtime)
    assert code == 1
    assert "this is a bug in bundler: ZeroDivisionError: of all things" in err
    assert "Traceback" not in err
    log = Path(err.split("log: ")[1].strip())
    assert "Traceback" in log.read_text()


def test_ctrl_c_while_modules_are_loaded_is_no_traceback() -> None:
    code = (
        "import sys, signal, os\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from bundler.builder.cli.entry import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted; nothing was done\n")


def test_a_full_disk_is_no_bug(
    call: Call, project: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is found out: at last the command line knows what it means."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/x")

    monkeypatch.setattr(session, "make", full)
    code, _, err = call("make", project, "--runtime", runtime)
    assert (code, "bug" in err) == (ExitCode.SPACE, False)
    assert "No space left on device: '/cache/x'" in err


def test_a_log_that_can_grow_no_more_ends_no_build(
    call: Call, project: Path, runtime: Path, tmp_path: Path
) -> None:
    code, _, err = call("make", project, "--runtime", runtime, "--log", "/dev/full", "-o", tmp_path / "x.run")
    assert (code, err.count("error")) == (0, 0), err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing(
    project: Path, runtime: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    started = tmp_path / "started"
    (project / "Kubefile").write_text(f'FROM scratch\nRUN touch {started} && sleep 60\nCMDS ["true"]\n')
    command = ["make", str(project), "-o", str(tmp_path / "x.run"), "--cache", str(tmp_path / "cache")]
    child = subprocess.Popen(
        [sys.executable, "-m", "bundler.builder", *command, "--runtime", str(runtime)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not started.exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
    assert started.exists(), child.communicate(timeout=10)
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
    assert child.returncode == code, err
    assert "Traceback" not in err
    assert not (tmp_path / "x.run").exists()
    assert list((tmp_path / "cache" / "temp").iterdir()) == []
    if number is signal.SIGINT:
        assert "nothing is half-written" in err


def test_build_args_come_from_the_line_or_the_environment() -> None:
    assert build_args(("A=1=2", "B", "C="), {"B": "3"}) == {"A": "1=2", "B": "3", "C": ""}
    with pytest.raises(BundlerError, match="gives no value"):
        build_args(("=x",), {})
