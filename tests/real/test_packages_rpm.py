"""PACKAGE rhel:9 by libsolv, from repositories that real rpmbuild, createrepo_c and gpg have made.

Red Hat's own repositories are not asked. The packages have the names and dependencies of an RHEL 9, and no
contents. What dnf makes of the bundle's repository is in test_packages_dnf.py.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
from bundler.builder.packages.closure import SuiteIndex
from bundler.builder.packages.needs import needs
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Location, Problems
from tests.real.rpm_kit import MINIMAL, Repositories, Rpm, index, missing, repositories

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(missing()), reason=missing() or "all there")]

BASEOS = (
    *MINIMAL,
    Rpm("tool", "1.0", "3.el9", requires="bash"),
    Rpm("tool", "1.0", "4.el9", requires="bash"),
    Rpm("deep", files=("/opt/deep/libexec/thing",)),
)
APPSTREAM = (
    Rpm(
        "server",
        "2.0",
        "1.el9",
        epoch=3,
        requires="libserver(x86-64) >= 1.5, tool, /usr/bin/helper",
        recommends="nicety",
        architecture="x86_64",
    ),
    Rpm("libserver", "1.6", provides="libserver(x86-64) = 1.6", requires="libc.so.6(GLIBC_2.34)(64bit)"),
    Rpm("helper", files=("/usr/bin/helper",)),
    Rpm("nicety"),
    Rpm("Far_Off", requires="/opt/deep/libexec/thing"),
    Rpm("versioned", requires="bash = 5.1.8-9.el9"),
    Rpm("crypto", requires="libcrypto.so.3(OPENSSL_3.2.0)(64bit)"),
    Rpm("broken", requires="nowhere >= 1"),
    Rpm("rival", conflicts="bash"),
    Rpm("mail-a", provides="mail-transport"),
    Rpm("mail-b", provides="mail-transport"),
)

Resolve = Callable[..., SuitePackages]


@pytest.fixture(scope="module")
def rhel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    content = {"baseos": BASEOS, "appstream": APPSTREAM}
    with repositories(tmp_path_factory.mktemp("rhel"), content) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as made:
        yield made


@pytest.fixture
def resolve(rhel: Repositories, store: Store, tmp_path: Path) -> Resolve:
    whole = rhel.repo_file(tmp_path / "rhel.repo", "baseos", "appstream")

    def run(*names: str, suite: str = "rhel:9", repos: Path = whole, **options: Any) -> SuitePackages:
        requests = [
            PackageRequest(suite, (name,), Location("Kubefile", 7, 9), f"PACKAGE {name}") for name in names
        ]
        given = {
            "platform": "linux/amd64",
            "now": 1000.0,
            "sources": PackageSources(rpm_repos={"": repos}),
            **options,
        }
        with Fetcher(store) as fetcher:
            (made,) = resolve_packages(
                requests, store=store, fetcher=fetcher, options=PackageOptions(**given), progress=Silent()
            )
        return made

    return run


def names(made: SuitePackages) -> list[str]:
    return [package.name for package in made.packages]


def test_a_closure_holds_what_a_minimal_machine_lacks(resolve: Resolve, rhel: Repositories) -> None:
    made = resolve("server")
    assert [(each.name, each.version, each.architecture, each.requested) for each in made.packages] == [
        ("helper", "1.0-1.el9", "noarch", False),
        ("libserver", "1.6-1.el9", "noarch", False),
        ("server", "3:2.0-1.el9", "x86_64", True),
        ("tool", "1.0-4.el9", "noarch", False),
    ]
    assert [path for path, _ in made.files] == [
        "packages/rhel-9/helper-1.0-1.el9.noarch.rpm",
        "packages/rhel-9/libserver-1.6-1.el9.noarch.rpm",
        "packages/rhel-9/repodata/filelists.xml",
        "packages/rhel-9/repodata/primary.xml",
        "packages/rhel-9/repodata/repomd.xml",
        "packages/rhel-9/server-2.0-1.el9.x86_64.rpm",
        "packages/rhel-9/tool-1.0-4.el9.noarch.rpm",
    ]
    repomd = {
        name: (rhel.root / name / "x86_64/repodata/repomd.xml").read_bytes()
        for name in ("appstream", "baseos")
    }
    assert made.closure.indexes == tuple(
        SuiteIndex(name, Digest.of(data)) for name, data in sorted(repomd.items())
    )
    assert {(each.name, each.archive) for each in made.closure.packages} == {
        ("helper", "appstream"),
        ("libserver", "appstream"),
        ("server", "appstream"),
        ("tool", "baseos"),
    }


@pytest.mark.parametrize(
    ("name", "carried"),
    [("Far_Off", "deep"), ("versioned", "bash"), ("crypto", "openssl-libs"), ("bash", "")],
)
def test_what_else_comes_along(resolve: Resolve, name: str, carried: str) -> None:
    """What only the long lists name; what a machine may have in an older version; what is asked for."""
    assert names(resolve(name)) == sorted({name, carried} - {""})


def test_the_repository_is_the_same_bytes_each_time(resolve: Resolve) -> None:
    assert resolve("server", "tool") == resolve("tool", "server", refresh=True)


def test_who_needs_whom(resolve: Resolve, store: Store) -> None:
    found = needs(resolve("server"), store)
    assert found["helper"] == ("server",)
    assert found["libserver"] == ("server",)
    assert found["tool"] == ("server",)


def test_a_pinned_version(resolve: Resolve) -> None:
    assert [p.version for p in resolve("tool=1.0-3.el9").packages] == ["1.0-3.el9"]
    assert [p.version for p in resolve("tool=1.0").packages] == ["1.0-4.el9"]


def test_unknown_names_are_told_all_at_once_with_help(resolve: Resolve) -> None:
    with pytest.raises(Problems) as caught:
        resolve("servr", "mail-transport", "tool=9.9", "tool")
    hints = {problem.message: problem.hint for problem in caught.value.problems}
    assert hints == {
        "rhel:9 has no package 'servr'": "did you mean server?",
        "rhel:9 has no package 'mail-transport'": "choose one that provides it: mail-a, mail-b",
        "rhel:9 has no package 'tool=9.9'": "it has 1.0-3.el9, 1.0-4.el9",
    }
    assert caught.value.code is ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "words"),
    [("broken", "nothing provides nowhere"), ("rival", "conflicts with bash")],
)
def test_what_cannot_be_installed_is_told_in_libsolvs_words(resolve: Resolve, name: str, words: str) -> None:
    with pytest.raises(BundlerError) as caught:
        resolve(name)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert words in caught.value.why


@pytest.mark.parametrize("name", ["-x", "a/b", "server;reboot", "../x", "", "a b", "*"])
def test_names_that_are_none_reach_nobody(resolve: Resolve, name: str) -> None:
    with pytest.raises(Problems) as caught:
        resolve(name)
    assert caught.value.problems[0].rule == "package-name"


def test_a_second_build_and_a_pinned_one_ask_nobody(resolve: Resolve, rhel: Repositories) -> None:
    first = resolve("server")
    rhel.requests.clear()
    assert resolve("server", now=1000.0 + 3600) == first
    assert resolve("server", offline=True) == first
    pinned = resolve("server", pinned={"rhel:9": first.closure}, sources=PackageSources())
    assert pinned == first
    assert rhel.requests == []


def test_without_repositories_it_says_where_they_are_named(resolve: Resolve) -> None:
    with pytest.raises(BundlerError, match="there are no repositories for rocky:9") as caught:
        resolve("server", suite="rocky:9", sources=PackageSources())
    assert "--rpm-repos rocky:9=FILE.repo" in caught.value.fix


def test_metadata_signed_by_a_stranger_is_refused(
    resolve: Resolve, rhel: Repositories, tmp_path: Path
) -> None:
    with repositories(tmp_path / "stranger", {"baseos": MINIMAL}) as stranger:
        repos = stranger.repo_file(tmp_path / "s.repo", "baseos", gpgkey=rhel.armoured)
        with pytest.raises(BundlerError, match="not signed by any of its keys") as caught:
            resolve("bash", repos=repos)
    assert caught.value.code is ExitCode.TRUST


def test_unsigned_metadata_is_taken_only_where_the_file_says_so(resolve: Resolve, tmp_path: Path) -> None:
    content = {"baseos": (*MINIMAL, Rpm("tool"))}
    with repositories(tmp_path / "plain", content, signed=False) as plain:
        with pytest.raises(BundlerError, match="is not signed") as caught:
            resolve("tool", repos=plain.repo_file(tmp_path / "a.repo", "baseos"))
        assert caught.value.code is ExitCode.TRUST
        assert "repo_gpgcheck=0" in caught.value.fix
        half = plain.repo_file(tmp_path / "b.repo", "baseos", more="repo_gpgcheck=0")
        with pytest.raises(BundlerError, match="a package is not signed") as caught:
            resolve("tool", repos=half)
        assert caught.value.code is ExitCode.TRUST
        open_ = plain.repo_file(tmp_path / "c.repo", "baseos", more="repo_gpgcheck=0\ngpgcheck=0")
        assert names(resolve("tool", repos=open_)) == ["tool"]


def test_signed_packages_vouch_for_themselves(resolve: Resolve, rhel: Repositories, tmp_path: Path) -> None:
    content = {"baseos": (*MINIMAL, Rpm("tool"))}
    with repositories(tmp_path / "own", content, signed=False, signed_packages=True) as own:
        repos = own.repo_file(tmp_path / "a.repo", "baseos", more="repo_gpgcheck=0")
        assert names(resolve("tool", repos=repos)) == ["tool"]
        other = own.repo_file(tmp_path / "b.repo", "baseos", more="repo_gpgcheck=0", gpgkey=rhel.armoured)
        with pytest.raises(BundlerError, match="a package is not signed") as caught:
            resolve("tool", repos=other)
    assert caught.value.code is ExitCode.TRUST


def test_altered_metadata_and_packages_are_refused(resolve: Resolve, tmp_path: Path) -> None:
    content = {"baseos": (*MINIMAL, Rpm("tool"))}
    with repositories(tmp_path / "altered", content) as altered:
        repos = altered.repo_file(tmp_path / "a.repo", "baseos")
        package = altered.root / "baseos/x86_64/Packages" / Rpm("tool").file
        data = bytearray(package.read_bytes())
        data[-1] ^= 1
        package.write_bytes(data)
        with pytest.raises(BundlerError) as caught:
            resolve("tool", repos=repos)
        assert caught.value.code is ExitCode.INTEGRITY
        (primary,) = (altered.root / "baseos/x86_64/repodata").glob("*-primary.xml.gz")
        primary.write_bytes(primary.read_bytes()[:-1] + b"\0")
        with pytest.raises(BundlerError) as caught:
            resolve("tool", repos=repos, refresh=True, now=2e6)
        assert caught.value.code is ExitCode.INTEGRITY


def test_where_a_version_is_gone_the_suite_is_solved_again(
    resolve: Resolve, store: Store, tmp_path: Path
) -> None:
    content = {"baseos": (*MINIMAL, Rpm("tool", "1.0"), Rpm("tool", "2.0"))}
    with repositories(tmp_path / "moving", content) as moving:
        repos = moving.repo_file(tmp_path / "m.repo", "baseos")
        first = resolve("tool", repos=repos)
        assert [p.version for p in first.packages] == ["2.0-1.el9"]
        store.discard(first.closure.packages[0].digest)
        folder = moving.root / "baseos/x86_64"
        (folder / "Packages" / Rpm("tool", "2.0").file).unlink()
        index(folder, moving.key)
        for path in folder.glob("repodata/repomd.xml*"):
            os.utime(path, (2e9, 2e9))  # a server tells a change by the second
        assert [p.version for p in resolve("tool", repos=repos).packages] == ["1.0-1.el9"]


MODULES = """\
---
document: modulemd
version: 2
data:
  name: db
  stream: "10"
  artifacts: {rpms: ["db-0:10.1-1.module_el9.noarch"]}
---
document: modulemd
version: 2
data:
  name: db
  stream: "12"
  artifacts: {rpms: ["db-0:12.1-1.module_el9.noarch"]}
---
document: modulemd-defaults
version: 1
data:
  module: db
  stream: "10"
"""


def test_of_a_modules_streams_the_default_one_counts(resolve: Resolve, tmp_path: Path) -> None:
    streams = (
        Rpm("db", "10.1", "1.module_el9"),
        Rpm("db", "12.1", "1.module_el9"),
        Rpm("db", "11.0", "1.el9"),
    )
    with repositories(tmp_path / "modular", {"baseos": (*MINIMAL, *streams)}, modules=MODULES) as modular:
        repos = modular.repo_file(tmp_path / "m.repo", "baseos")
        assert [p.version for p in resolve("db", repos=repos).packages] == ["10.1-1.module_el9"]
