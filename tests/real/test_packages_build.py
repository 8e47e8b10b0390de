"""`bundler` with packages of Ubuntu and of Red Hat's family in one Kubefile: lock, make, why, update, SBOM.

The archives are small ones of the test's own (see debian_kit.py and rpm_kit.py); all else is real.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.core.archive import Bundle
from tests.kits import run_files
from tests.real import debian_kit, rpm_kit
from tests.real.rpm_kit import Rpm

LACKING = debian_kit.missing() or rpm_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKING), reason=LACKING or "all there")]

NO_NETWORK = ("unshare", "--net") if os.geteuid() == 0 else ()  # else --offline's own word is taken
KUBEFILE = """\
FROM scratch
LABEL org.opencontainers.image.title=shop
PACKAGE ubuntu:noble server
PACKAGE rhel:9 httpd-tools nano=5.6
"""
RHEL = (
    *rpm_kit.MINIMAL,
    Rpm("httpd-tools", "2.4", epoch=1, requires="apr"),
    Rpm("apr", "1.7", files=("/usr/lib64/libapr",)),
    Rpm("nano", "5.6", "1.el9"),
    Rpm("nano", "5.7", "1.el9"),
)
NOBLE = (*debian_kit.MINIMAL, debian_kit.Package("server", "2.0-1", "tool"), debian_kit.Package("tool"))

Bundler = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def rhel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rpm_kit.Repositories]:
    with rpm_kit.repositories(tmp_path_factory.mktemp("rhel"), {"baseos": RHEL}) as running:
        yield running


@pytest.fixture(scope="module")
def ubuntu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[debian_kit.Mirror]:
    with debian_kit.mirror(tmp_path_factory.mktemp("ubuntu"), {"noble": NOBLE}, "ubuntu") as running:
        yield running


@pytest.fixture
def bundler(rhel: rpm_kit.Repositories, ubuntu: debian_kit.Mirror, tmp_path: Path) -> Bundler:
    """`bundler COMMAND WORDS…` in the project's folder, in a process of its own."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / "Kubefile").write_text(KUBEFILE)
    runtime = run_files.runtime(tmp_path / "runtime.tar.gz")
    repos = rhel.repo_file(tmp_path / "rhel.repo", "baseos")

    def run(command: str, *words: object, isolated: bool = False) -> subprocess.CompletedProcess[str]:
        options: list[object] = []
        if command != "why":
            options = ["--cache", tmp_path / "cache", "--ubuntu-mirror", ubuntu.uri]
            options += ["--keyring", f"ubuntu={ubuntu.keyring}", "--rpm-repos", f"rhel:9={repos}"]
        if command == "make":
            options += ["--runtime", runtime, "-o", tmp_path / "shop.run"]
        argv = [sys.executable, "-m", "bundler.builder", command, *words, *options]
        return subprocess.run(
            [*(NO_NETWORK if isolated else []), *map(str, argv)],
            capture_output=True,
            text=True,
            cwd=project,
            timeout=300,
            check=False,
        )

    return run


def test_lock_make_and_the_bill_of_materials(bundler: Bundler, tmp_path: Path) -> None:
    locked = bundler("lock", ".")
    assert locked.returncode == 0, locked.stderr
    document = json.loads((tmp_path / "shop/Kubefile.lock").read_text())
    suites = {each["suite"]: each for each in document["platforms"]["linux/amd64"]["suites"]}
    packages = {each["package"]: each for each in suites["rhel:9"]["packages"]}
    assert packages["apr"]["why"] == ["needed by httpd-tools"]
    assert packages["httpd-tools"]["why"] == ["PACKAGE in Kubefile:4"]
    assert packages["nano"]["version"] == "5.6-1.el9"
    assert packages["apr"]["archive"] == "baseos"
    assert packages["apr"]["path"] == f"Packages/{Rpm('apr', '1.7').file}"
    assert [each["suite"] for each in suites["rhel:9"]["indexes"]] == ["baseos"]
    assert [each["package"] for each in suites["ubuntu:noble"]["packages"]] == ["server", "tool"]

    first = bundler("make", ".", "--locked")
    assert first.returncode == 0, first.stderr
    made = (tmp_path / "shop.run").read_bytes()
    again = bundler("make", ".", "--locked", "--offline", isolated=True)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "shop.run").read_bytes() == made

    with Bundle.open(tmp_path / "shop.run") as bundle:
        names = {member.path for member in bundle.index.members}
        member = bundle.index.member("sbom/bom.cdx.json")
        assert member is not None
        bill = json.loads(bundle.read(member))
    assert "packages/rhel-9/repodata/repomd.xml" in names
    assert "packages/ubuntu-noble/Packages" in names
    found = {each.get("purl"): each for each in bill["components"]}
    tools = found["pkg:rpm/redhat/httpd-tools@2.4-1.el9?arch=noarch&distro=rhel-9&epoch=1"]
    assert tools["licenses"] == [{"license": {"name": "MIT and GPLv2+"}}]
    assert "pkg:deb/ubuntu/server@2.0-1?arch=amd64&distro=noble" in found
    unread = {name for each in bill.get("compositions", ()) for name in each["assemblies"]}
    assert unread == {"installer"}, (
        "what is inside packages was read; of the stand-in installer nothing can be"
    )

    why = bundler("why", "apr")
    assert "httpd-tools" in why.stdout


def test_update_moves_a_suite_and_locked_tells_what_differs(bundler: Bundler, tmp_path: Path) -> None:
    assert bundler("lock", ".").returncode == 0
    kubefile = tmp_path / "shop/Kubefile"
    kubefile.write_text(KUBEFILE.replace("nano=5.6", "nano"))
    refused = bundler("make", ".", "--locked")
    assert refused.returncode == 3, refused.stderr
    assert "nano" in refused.stderr
    updated = bundler("update", "rhel:9")
    assert updated.returncode == 0, updated.stderr
    assert re.search(
        r"~ package rhel:9 nano\n    5.6-1.el9 sha256:\w+\n    5.7-1.el9 sha256:", updated.stdout
    )


def test_without_repositories_the_error_names_the_option(bundler: Bundler, tmp_path: Path) -> None:
    (tmp_path / "shop/Kubefile").write_text("FROM scratch\nPACKAGE rocky:9 nano\n")
    done = bundler("make", ".")
    assert done.returncode == 4, done.stderr
    assert "--rpm-repos rocky:9=FILE.repo" in done.stderr
