"""`./product.run collect` over real ssh, and `bundler inspect` of what it made; one host is off."""

import json
import os
import subprocess
import sys
import tarfile
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
  env: [API_TOKEN=clusterfile-secret-1]
  hosts:
  - {{ips: [127.0.0.2], roles: [control-plane], hostKey: "{print}", ssh: {{port: {port}, pk: {key}}}}}
  - {{ips: [127.0.0.3], roles: [worker], ssh: {{port: 1, pk: {key}, passwd: ssh-secret-2}}}}
"""


def test_collect_and_inspect(tmp_path: Path) -> None:
    out = tmp_path / "out.tar.gz"
    (tmp_path / "demo-apply.log").write_text('{"line": "clusterfile-secret-1"}\n{"line": "token=other"}\n')
    with running(tmp_path, options=("ListenAddress 127.0.0.2",)) as server:
        make_run(tmp_path / "product.run")
        site = tmp_path / "site.yaml"
        site.write_text(SITE.format(port=server.port, key=server.user_key, print=server.fingerprint))
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "bundler.installer.cli.main",
            "collect",
            "-f",
            site,
            "-o",
            out,
        ]
        ran = subprocess.run(
            [*words, "--allow-unsigned"],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(server.home), "BUNDLER_RUN_FILE": str(tmp_path / "product.run")},
        )
    assert ran.returncode == ExitCode.PARTIAL, ran.stderr
    assert "127.0.0.3: 1 host gave nothing" in ran.stderr
    assert "1 of 2 hosts" in ran.stdout
    assert out.stat().st_size < 100 << 20
    with tarfile.open(out) as archive:
        found = {each.name.partition("/")[2]: archive.extractfile(each) for each in archive if each.isfile()}
        texts = {name: stream.read().decode() for name, stream in found.items() if stream}
    assert {"index.html", "index.json", "masked.txt", "status.json"} <= texts.keys()
    assert {
        "deployer/site.yaml",
        "deployer/logs/demo-apply.log",
        "hosts/127.0.0.2/machine/disks.txt",
    } <= texts.keys()
    assert not [name for name in texts if name.startswith("hosts/127.0.0.3")]
    everything = "\n".join(texts.values())
    for secret in ("clusterfile-secret-1", "ssh-secret-2", "PRIVATE KEY"):
        assert secret not in everything
    index = json.loads(texts["index.json"])
    assert list(index["silent"]) == ["127.0.0.3"]
    assert index["masked"] >= 3
    assert {each["path"] for each in index["files"]} == texts.keys() - {
        "index.html", "index.json", "masked.txt", "status.json"
    }  # fmt: skip
    shown = subprocess.run(
        [sys.executable, "-m", "bundler.builder", "inspect", out], capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("site: site, collected ")
    assert "gave nothing: 127.0.0.3: " in shown
