"""What a site's dnf makes of the bundle's rpm packages: real rpm, real dnf, no network.

A Red Hat machine can't be had here. What stands in for it is this Debian with dnf and rpm, seen through a
root of its own: read-only but for /var, /opt, /tmp and /run, its os-release says RHEL 9.6, its rpm database
holds packages with the names of a minimal RHEL, and there is no network in it. So packages have files below
/opt alone.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Silent
from bundler.builder.net.fetch import Fetcher
from bundler.builder.packages import (
    PackageOptions,
    PackageRequest,
    PackageSources,
    SuitePackages,
    resolve_packages,
)
from bundler.core.errors import Location
from bundler.core.oci import AMD64
from bundler.installer.facts import gather
from bundler.installer.scripts import render as templates
from tests.real.rpm_kit import MINIMAL, Repositories, Rpm, make_repository, missing, repositories

LACKING = missing("dnf", "unshare", "chroot") or ("" if os.geteuid() == 0 else "not root")
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKING), reason=LACKING or "all there")]

POOL = "/var/lib/bundler/packages/rhel-9"
SYSTEM = tuple(Rpm(**{**vars(each), "files": ()}) for each in MINIMAL)
OLD_BASH = Rpm("bash", "5.1.8", "6.el9", requires="glibc", files=("/opt/bash/old",))
ADMINS = Rpm("mine", files=("/opt/mine/file",))
APPSTREAM = (
    Rpm(
        "server",
        "2.0",
        epoch=3,
        requires="libserver >= 1.5, /opt/helper/helper, bash >= 5.1.8-9.el9",
        recommends="nicety",
        architecture="x86_64",
        files=("/opt/server/server",),
    ),
    Rpm("libserver", "1.6", files=("/opt/libserver/lib",), modular="server:2:1:1"),
    Rpm("helper", files=("/opt/helper/helper",)),
    Rpm("nicety"),
)
SITES_OWN = """\
[main]
excludepkgs=server libserver
best=1
[elsewhere]
name=elsewhere
baseurl=http://192.0.2.1/repo
"""
ROOT = """
set -e
mount --make-rprivate /
mount --bind / {root}
mount -o remount,bind,ro {root}
for part in var opt tmp run; do mount --bind {parts}/$part {root}/$part; done
mount -t proc proc {root}/proc
mount --bind /dev {root}/dev
mount --bind {parts}/run/os-release {root}/etc/os-release
mount --bind {parts}/run/dnf.conf {root}/etc/dnf/dnf.conf
exec env -i HOME=/run/home PATH="$PATH" chroot {root} sh -s
"""


class Machine:
    """The root that stands in for a Red Hat machine; what is written in it stays below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.parts, self.root = folder / "parts", folder / "root"
        self.root.mkdir(parents=True)
        for part in ("var/lib/rpm", "var/lib/bundler", "var/tmp", "opt", "tmp", "run/home"):
            (self.parts / part).mkdir(parents=True)
        release = 'ID="rhel"\nVERSION_ID="9.6"\nID_LIKE="fedora"\n'
        (self.parts / "run/os-release").write_text(release)
        (self.parts / "run/dnf.conf").write_text(SITES_OWN)
        # Debian's rpm would keep its database in the user's home.
        (self.parts / "run/home/.rpmmacros").write_text("%_dbpath /var/lib/rpm\n")

    def run(self, script: str, *, fails: bool = False) -> str:
        start = ROOT.format(root=self.root, parts=self.parts)
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", start],
            input=script,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + (done.stderr if fails else "")

    def has(self) -> dict[str, str]:
        rows = self.run("rpm -qa --qf '%{NAME} %{EVR}\\n'").splitlines()
        return dict(row.split() for row in rows)

    def files(self) -> set[str]:
        return {str(p.relative_to(self.parts / "opt")) for p in self.parts.glob("opt/*/*")}

    def script(self, *names: str, **variables: str) -> str:
        return templates.script("ledger.sh", *names, **variables)

    def ledger(self) -> list[list[str]]:
        text = (self.parts / "var/lib/bundler/ledger").read_text()
        return [line.split("\t") for line in text.splitlines()]


@pytest.fixture(scope="module")
def rhel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    content = {"baseos": SYSTEM, "appstream": APPSTREAM}
    with repositories(tmp_path_factory.mktemp("rhel"), content) as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def bundled(rhel: Repositories, store: Store, tmp_path_factory: pytest.TempPathFactory) -> SuitePackages:
    repos = rhel.repo_file(tmp_path_factory.mktemp("repo") / "rhel.repo", "baseos", "appstream")
    options = PackageOptions(AMD64, 1000.0, PackageSources(rpm_repos={"rhel:9": repos}))
    request = PackageRequest("rhel:9", ("server",), Location("Kubefile", 7))
    with Fetcher(store) as fetcher:
        (made,) = resolve_packages(
            [request], store=store, fetcher=fetcher, options=options, progress=Silent()
        )
    return made


@pytest.fixture
def machine(bundled: SuitePackages, store: Store, tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "machine")
    older = (*(each for each in SYSTEM if each.name != "bash"), OLD_BASH, ADMINS)
    make_repository(made.parts / "tmp/there", older, tmp_path / "build")
    made.run("rpm --initdb && rpm -i /tmp/there/Packages/*.rpm && rm -r /tmp/there")
    for path, blob in bundled.files:
        target = made.parts / "var/lib/bundler" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(store.path(blob.digest), target)
    return made


def test_the_host_is_asked_what_it_is_and_has(machine: Machine) -> None:
    facts = gather.parse("10.0.0.2", machine.run(gather.SCRIPT), asked_at=0.0)
    assert (facts.os_id, facts.os_version, facts.os_like) == ("rhel", "9.6", ("fedora",))
    assert facts.packages["openssl-libs"] == "1:3.2.2-6.el9"
    assert facts.packages["bash"] == "5.1.8-6.el9"
    assert "dnf" in facts.commands


def test_dnf_installs_the_closure_and_delete_leaves_what_was_there(machine: Machine) -> None:
    before, files = machine.has(), machine.files()
    install = machine.script("packages-dnf.sh", pool=POOL, names="server", inputs="x")
    machine.run(install)
    new = {"server": "3:2.0-1.el9", "libserver": "1.6-1.el9", "helper": "1.0-1.el9"}
    assert machine.has() == {**before, **new, "bash": "5.1.8-9.el9"}
    assert machine.files() == {
        *(files - {"bash/old"}),
        *("server/server", "libserver/lib", "helper/helper"),
    }
    lines = machine.ledger()
    assert sorted(line[1] for line in lines if line[0] == "rpm") == ["helper", "libserver", "server"]
    assert ["upgraded", "bash", "5.1.8-6.el9"] in lines

    machine.run(install)  # once more changes nothing
    assert machine.has() == {**before, **new, "bash": "5.1.8-9.el9"}
    assert machine.ledger() == lines

    told = machine.run(machine.script("restore.sh"))
    assert machine.has() == {**before, "bash": "5.1.8-9.el9"}
    assert machine.files() == files - {"bash/old"}
    assert "the package bash stays upgraded (it was 5.1.8-6.el9)" in told
    assert not list(machine.parts.glob("var/lib/dnf/history*"))


def test_what_was_there_is_not_taken_away(machine: Machine, bundled: SuitePackages) -> None:
    """The administrator had the helper, so it stays when all else goes."""
    (helper,) = (path for path, _ in bundled.files if "helper" in path)
    machine.run(f"rpm -i /var/lib/bundler/{helper}")
    before = machine.has()
    machine.run(machine.script("packages-dnf.sh", pool=POOL, names="server", inputs="x"))
    machine.run(machine.script("restore.sh"))
    assert machine.has() == {**before, "bash": "5.1.8-9.el9"}


def test_a_run_that_was_cut_short_is_gone_on_with_and_undone(machine: Machine) -> None:
    before = machine.has()
    kept = machine.parts / "kept.rpm"
    (package,) = (machine.parts / f"var/lib/bundler/packages/rhel-9/{each}" for each in (APPSTREAM[1].file,))
    package.rename(kept)
    install = machine.script("packages-dnf.sh", pool=POOL, names="server", inputs="x")
    assert "libserver" in machine.run(install, fails=True)
    assert machine.has() == before
    kept.rename(package)
    machine.run(install)
    assert ["upgraded", "bash", "5.1.8-6.el9"] in machine.ledger()
    machine.run(machine.script("restore.sh"))
    assert machine.has() == {**before, "bash": "5.1.8-9.el9"}
