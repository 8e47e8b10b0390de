"""The tests themselves, started in the background of a script: there Ctrl-C's signal is ignored."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROBE = """
import os, signal, subprocess, sys

def test_a_child_can_be_interrupted():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGINT
"""


def test_what_tests_start_can_be_interrupted_where_the_caller_ignores_it(tmp_path: Path) -> None:
    probe = tmp_path / "test_probe.py"
    probe.write_text(PROBE)
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    argv = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *pytest, str(probe)]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
