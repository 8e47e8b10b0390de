"""fetch_debian.py trusts signatures and nothing else; no network is needed to be refused."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.builder.kubefile.catalogue import default_catalogue

SCRIPT = default_catalogue() / "tools/fetch_debian.py"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not on this machine"),
]


def fetch(*argv: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *argv], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **env}
    )


def test_an_unsigned_mirror_is_refused(tmp_path: Path) -> None:
    suite = tmp_path / "mirror/dists/bookworm"
    (suite / "main/binary-amd64").mkdir(parents=True)
    (suite / "main/binary-amd64/Packages").write_text("")
    (suite / "Release").write_text("Origin: Debian\nSuite: stable\nCodename: bookworm\n")
    done = fetch(
        "unpack", "bookworm", tmp_path / "out", "bash", BUNDLER_DEBIAN_MIRROR=f"file://{tmp_path}/mirror"
    )
    assert done.returncode == 1
    assert "is not signed" in done.stderr
    assert not any((tmp_path / "out").iterdir())


def test_a_mirror_that_isnt_there_is_named(tmp_path: Path) -> None:
    missing = f"file://{tmp_path}/nowhere"
    done = fetch("unpack", "bookworm", tmp_path / "out", "bash", BUNDLER_DEBIAN_MIRROR=missing)
    assert done.returncode == 1
    assert f"{tmp_path}/nowhere bookworm Release' does not have a Release file" in done.stderr
    assert "Traceback" not in done.stderr


def test_machines_without_a_debian_archive_are_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho https://example.org/apt/ cloud-bookworm\n")
    (tmp_path / "apt-get").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = fetch("unpack", "bookworm", tmp_path / "out", "bash", PATH=path, BUNDLER_DEBIAN_MIRROR="")
    assert done.returncode == 1
    assert "Fix: BUNDLER_DEBIAN_MIRROR=" in done.stderr


def test_a_wrong_call_shows_how_to_call_it() -> None:
    done = fetch("unpack", "bookworm")
    assert done.returncode == 1
    assert "fetch_debian.py unpack SUITE FOLDER PACKAGE..." in done.stderr
