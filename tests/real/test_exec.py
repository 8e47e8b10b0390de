"""`./product.run exec` over real ssh; it needs a Clusterfile and no bundle."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode
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
  - {{ips: [127.0.0.3], roles: [control-plane], ssh: {{port: 1, pk: {key}}}}}
  - {{ips: [127.0.0.2], roles: [worker], hostKey: "{print}", ssh: {{port: {port}, pk: {key}}}}}
"""


@pytest.mark.parametrize(
    ("words", "code", "lines"),
    [
        (["--on", "worker", "--", "printf", "%s", "a  b"], 0, ["exit 0  127.0.0.2  a  b"]),
        (["--on", "worker", "--", "sh", "-c", "exit 3"], ExitCode.STEP, ["exit 3  127.0.0.2"]),
        (["--", "true"], ExitCode.STEP, ["no answer  127.0.0.3", "1 of 2 hosts ended with 0"]),
        (["--on", "wroker", "--", "true"], ExitCode.USAGE, ['did you mean "worker"?']),
    ],
)
def test_exec(words: list[str], code: int, lines: list[str], tmp_path: Path) -> None:
    with running(tmp_path, options=("ListenAddress 127.0.0.2",)) as server:
        site = tmp_path / "site.yaml"
        site.write_text(SITE.format(port=server.port, key=server.user_key, print=server.fingerprint))
        ran = subprocess.run(
            [sys.executable, "-m", "bundler.installer.cli.main", "exec", "-f", site, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "HOME": str(server.home)},
        )
    assert ran.returncode == code, ran.stderr
    for line in lines:
        assert line in ran.stdout + ran.stderr
