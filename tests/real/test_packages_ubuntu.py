"""PACKAGE ubuntu:noble by real apt.

No mirror of Ubuntu's is asked: a small archive of the same shape, signed with a key of the test's own and
served on loopback, stands in for it. It has Ubuntu's suites, its components, and its ports archive for arm64.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
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
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode, Location
from bundler.core.oci import AMD64, ARM64, Platform
from tests.real.debian_kit import MINIMAL, Mirror, Package, mirror, missing

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(missing()), reason=missing() or "all there")]

NOBLE = (
    *(replace(each, version=each.version.replace("+deb12u4", "-0ubuntu3.4")) for each in MINIMAL),
    Package("server", "2.0-1ubuntu1", "libc6, tool"),
    Package("tool", "1.0-1", "libc6", component="universe"),
    Package("updated", depends="libc6 (>= 2.36-9-0ubuntu3.2)"),
)
SECURITY = (Package("tool", "1.0-1ubuntu0.24.04.1", "libc6", component="universe"),)

Resolve = Callable[..., SuitePackages]


def ported(packages: tuple[Package, ...]) -> tuple[Package, ...]:
    return tuple(replace(package, architecture="arm64") for package in packages)


@pytest.fixture(scope="module")
def ubuntu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    suites = {"noble": NOBLE, "noble-security": SECURITY}
    with mirror(tmp_path_factory.mktemp("ubuntu"), suites, "ubuntu") as running:
        yield running


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    suites = {"noble": ported(NOBLE)}
    with mirror(tmp_path_factory.mktemp("ports"), suites, "ubuntu-ports") as running:
        yield running


@pytest.fixture
def resolve(ubuntu: Mirror, tmp_path: Path) -> Iterator[Resolve]:
    with Store(tmp_path / "cache") as store, Fetcher(store) as fetcher:

        def run(*names: str, keyring: Path = ubuntu.keyring, **options: Any) -> SuitePackages:
            request = PackageRequest("ubuntu:noble", names, Location("Kubefile", 7, 9))
            sources = PackageSources({"ubuntu": ubuntu.uri}, {"ubuntu": keyring})
            given = {"platform": AMD64, "now": 1000.0, "sources": sources, **options}
            (made,) = resolve_packages(
                [request], store=store, fetcher=fetcher, options=PackageOptions(**given), progress=Silent()
            )
            return made

        yield run


def test_a_closure_has_universe_and_security_updates(resolve: Resolve, ubuntu: Mirror) -> None:
    made = resolve("server")
    assert [(each.name, each.version, each.requested) for each in made.packages] == [
        ("server", "2.0-1ubuntu1", True),
        ("tool", "1.0-1ubuntu0.24.04.1", False),
    ]
    assert [path for path, _ in made.files] == [
        "packages/ubuntu-noble/Packages",
        "packages/ubuntu-noble/Release",
        "packages/ubuntu-noble/server_2.0-1ubuntu1_amd64.deb",
        "packages/ubuntu-noble/tool_1.0-1ubuntu0.24.04.1_amd64.deb",
    ]
    signed = {
        suite: (ubuntu.root / "dists" / suite / "InRelease").read_bytes()
        for suite in ("noble", "noble-security")
    }
    assert made.closure.indexes == tuple(
        SuiteIndex(suite, Digest.of(data)) for suite, data in sorted(signed.items())
    )


def test_a_machine_that_lacks_an_update_gets_what_it_needs(resolve: Resolve) -> None:
    assert [each.name for each in resolve("updated").packages] == ["libc6", "updated"]


def test_arm64_comes_from_ubuntus_ports(resolve: Resolve, ports: Mirror) -> None:
    sources = PackageSources({"ubuntu-ports": ports.uri}, {"ubuntu": ports.keyring})
    made = resolve("server", platform=ARM64, sources=sources)
    assert {each.architecture for each in made.packages} == {"arm64"}
    with pytest.raises(BundlerError, match="there is no mirror for ubuntu:noble") as caught:
        resolve("server", platform=Platform("linux", "s390x"))
    assert "--ubuntu-ports-mirror" in caught.value.fix


def test_a_second_build_and_a_pinned_one_ask_nobody(resolve: Resolve, ubuntu: Mirror) -> None:
    first = resolve("server")
    ubuntu.requests.clear()
    assert resolve("server", offline=True) == first
    assert resolve("server", pinned={"ubuntu:noble": first.closure}, sources=PackageSources()) == first
    assert ubuntu.requests == []


def test_only_ubuntus_own_keys_will_do(resolve: Resolve, ports: Mirror, tmp_path: Path) -> None:
    with pytest.raises(BundlerError, match="can't read the indexes") as caught:
        resolve("server", keyring=ports.keyring)
    assert caught.value.code is ExitCode.NETWORK
    with pytest.raises(BundlerError, match="the keys of ubuntu:noble are not on this machine") as caught:
        resolve("server", keyring=tmp_path / "none.gpg")
    assert caught.value.code is ExitCode.UNSUPPORTED
    assert "--keyring ubuntu=FILE" in caught.value.fix
