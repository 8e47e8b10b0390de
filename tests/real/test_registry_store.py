"""`links.sh`: a registry is started again if it sees another store than the one in place, and no other."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bundler.installer.scripts import render as templates

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("unshare") is None,
        reason="needs root and unshare to give a process a view of its own",
    ),
]
HEX = "ab" * 32
FOLDER = "docker/registry/v2/repositories/acme/web/_manifests/revisions/sha256/" + HEX


@contextmanager
def running(setup: str) -> Iterator[int]:
    """A process in a mount namespace of its own, once `setup` is done there; its id."""
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-ec", f"{setup}\necho ready\nexec sleep 300"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()


def named(tmp_path: Path, store: Path, pid: int) -> list[str]:
    """Name one image, where the unit's main process is `pid`; what systemd was told."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir(exist_ok=True)
    calls = tmp_path / "calls"
    calls.write_text("")
    program.write_text(f'#!/bin/sh\nif [ "$1" = show ]; then echo {pid}; else echo "$*" >>{calls}; fi\n')
    program.chmod(0o755)
    script = templates.load("links.sh").replace("/var/lib/bundler", str(tmp_path))
    subprocess.run(
        ["sh", "-c", f"root={store}\nunit=bundler-registry.service\n{script}"],
        input=f"{FOLDER} {HEX}\n",
        env={"PATH": f"{program.parent}:{os.environ['PATH']}"},
        text=True,
        check=True,
        timeout=60,
    )
    assert (store / FOLDER / "link").read_text() == f"sha256:{HEX}"
    return calls.read_text().splitlines()


def test_one_that_sees_another_store_than_the_one_in_place_is_started_again(tmp_path: Path) -> None:
    store = tmp_path / "site" / "registry"
    store.mkdir(parents=True)
    with running(f"mount -t tmpfs none {store.parent}\nmkdir {store}") as pid:
        assert named(tmp_path, store, pid) == ["restart bundler-registry.service"]


def test_one_whose_store_is_gone_for_it_is_started_again(tmp_path: Path) -> None:
    store = tmp_path / "site" / "registry"
    store.mkdir(parents=True)
    with running(f"mount -t tmpfs none {store.parent}") as pid:
        assert named(tmp_path, store, pid) == ["restart bundler-registry.service"]


def test_one_that_sees_the_store_goes_on_undisturbed(tmp_path: Path) -> None:
    store = tmp_path / "site" / "registry"
    store.mkdir(parents=True)
    with running(f"mount --bind {store} {store}") as pid:
        assert named(tmp_path, store, pid) == []


def test_one_that_does_not_run_is_not_started(tmp_path: Path) -> None:
    assert named(tmp_path, tmp_path / "site" / "registry", 0) == []
