"""The installer as a process of its own that is told to end while it works."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundler.builder.lib.resources import resource
from tests.kits.run_files import make_run

pytestmark = pytest.mark.real

_PROGRAM = "import sys; from bundler.installer.cli.main import program; sys.exit(program())"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("product") / "product.run"
    noise = os.urandom(1 << 20)
    make_run(path, files={f"files/{number}": bytes([number]) + noise * 4 for number in range(60)})
    return path


def begin(product: Path, target: Path, *front: str) -> subprocess.Popen[str]:
    """Start to take everything out; returns when the first file is there."""
    words = [*front, sys.executable, "-c", _PROGRAM, "extract", "*", "--target", str(target)]
    process = subprocess.Popen(
        words,
        env={**os.environ, "BUNDLER_RUN_FILE": str(product)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not list(target.glob("files/*")):
        time.sleep(0.001)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_nothing_is_left(product: Path, tmp_path: Path, number: signal.Signals) -> None:
    """SIGHUP comes when the ssh session is lost; whoever started the tests may ignore it."""
    process = begin(product, tmp_path / "out", "env", "--default-signal")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said == "error: interrupted; run the same command again to go on\n"
    assert list(tmp_path.iterdir()) == []


def test_what_nohup_started_goes_on_without_its_terminal(product: Path, tmp_path: Path) -> None:
    process = begin(product, tmp_path / "out", "nohup")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(list((tmp_path / "out" / "files").iterdir())) == 60


def test_ctrl_c_while_it_is_loaded_is_no_traceback() -> None:
    hook = (resource("stubs") / "early.py").read_text()
    code = f"{hook}\nimport time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stderr) == (130, "")
