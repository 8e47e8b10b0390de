"""`./product.run status` over real ssh, of hosts that are no site yet; one of them is off."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode
from tests.kits.run_files import make_run
from tests.real.sshd import SSHD, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(SSHD is None, reason="no sshd here: apt-get install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets only its own user in unless it is root's"),
]

SITE = """apiVersion: bundler/v1
kind: Cluster
metadata: {{name: site}}
spec:
  hosts:
  - {{ips: [{address}], roles: [control-plane], hostKey: "{print}", ssh: {{port: {port}, pk: {key}}}}}
  - {{ips: [127.0.0.3], roles: [worker], ssh: {{port: 1, pk: {key}}}}}
"""


def status(folder: Path, *words: str, address: str = "127.0.0.2") -> tuple[int, str, str]:
    with running(folder, options=("ListenAddress 127.0.0.2",)) as server:
        make_run(folder / "product.run")
        site = folder / "site.yaml"
        site.write_text(
            SITE.format(address=address, port=server.port, key=server.user_key, print=server.fingerprint)
        )
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "bundler.installer.cli.main",
                "status",
                "-f",
                site,
                "--allow-unsigned",
                *words,
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={**os.environ, "HOME": str(server.home), "BUNDLER_RUN_FILE": str(folder / "product.run")},
        )
    return ran.returncode, ran.stdout, ran.stderr


def test_a_host_that_is_off_is_named_and_the_other_is_shown(tmp_path: Path) -> None:
    code, out, err = status(tmp_path, "--json")
    assert code == ExitCode.DOWN, err
    told = json.loads(out)
    assert (told["site"], told["state"], told["exit_code"]) == ("site", "down", 19)
    assert [(host["address"], host["state"]) for host in told["hosts"]] == [
        ("127.0.0.2", "unknown"),
        ("127.0.0.3", "silent"),
    ]
    assert told["hosts"][1]["why"].startswith("no ssh connection")
    assert told["hosts"][0]["memory"]["bytes"] > 0
    assert told["parts"]["disk"]["host"] == "127.0.0.2"


def test_the_same_for_people(tmp_path: Path) -> None:
    code, out, _ = status(tmp_path)
    assert code == ExitCode.DOWN
    assert out.startswith("✗ site has no cluster yet\n")
    assert out.endswith("Exit code 19 (DOWN)\n")
    assert "127.0.0.3" in out


def test_a_site_that_nobody_reaches_is_not_called_down(tmp_path: Path) -> None:
    code, out, err = status(tmp_path, "--timeout", "5", address="127.0.0.9")
    assert (code, out) == (ExitCode.HOST, "")
    assert "2 of 2 hosts failed" in err


def test_watch_looks_again_over_one_connection_until_it_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path, options=("ListenAddress 127.0.0.2",)) as server:
        make_run(tmp_path / "product.run")
        site = tmp_path / "site.yaml"
        made = SITE.format(
            address="127.0.0.2", port=server.port, key=server.user_key, print=server.fingerprint
        )
        site.write_text(made)
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "bundler.installer.cli.main",
            "status",
            "-f",
            site,
            "--allow-unsigned",
        ]
        watching = subprocess.Popen(
            [*words, "--watch", "--every", "1", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": str(server.home), "BUNDLER_RUN_FILE": str(tmp_path / "product.run")},
        )
        assert watching.stdout is not None
        looks = [json.loads(watching.stdout.readline()) for _ in range(3)]
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=30)
        logins = (tmp_path / "sshd.log").read_text().count("Accepted publickey")
    assert [look["state"] for look in looks] == ["down"] * 3
    assert (watching.returncode, logins) == (ExitCode.INTERRUPTED, 1), said


def test_nothing_is_left_on_the_host(tmp_path: Path) -> None:
    began = time.time()
    status(tmp_path)
    assert not Path("/var/lib/bundler").exists() or Path("/var/lib/bundler").stat().st_mtime < began
