"""apt's own solver against a mirror on loopback whose signatures, dependencies and lies the tests choose."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
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
from bundler.builder.packages.deb.machine import machine_repositories
from bundler.builder.packages.deb.root import Repository
from bundler.core.errors import BundlerError, ExitCode, Location, Problems
from tests.real.debian_kit import MINIMAL, Mirror, Package, mirror, missing

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(missing()), reason=missing() or "all there")]

BOOKWORM = (
    *MINIMAL,
    Package("server", "1:2.0-1", "libc6, libserver (>= 1), tool | other-tool", recommends="nicety"),
    Package("libserver", "1.5", "libc6 (>= 2.36)", architecture="all"),
    Package("tool", depends="libc6"),
    Package("nicety"),
    Package("strict", depends="libtinfo6 (= 6.4-4)"),
    Package("updated", depends="libc6 (>= 2.36-9+deb12u2)"),
    Package("mail-a", provides="mail-transport"),
    Package("mail-b", provides="mail-transport"),
    Package("broken", depends="nowhere (>= 1)"),
)
SECURITY = (Package("tool", "1.0+deb12u1", "libc6"),)

Resolve = Callable[..., SuitePackages]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    suites_made = {"bookworm": BOOKWORM, "bookworm-updates": SECURITY}
    with mirror(tmp_path_factory.mktemp("mirror"), suites_made) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as made:
        yield made


@pytest.fixture
def resolve(debian: Mirror, store: Store) -> Resolve:
    def run(
        *names: str,
        suite: str = "debian:bookworm",
        mirror: str = debian.uri,
        keyring: Path = debian.keyring,
        **options: Any,
    ) -> SuitePackages:
        requests = [
            PackageRequest(suite, (name,), Location("Kubefile", 7, 9), f"PACKAGE {name}") for name in names
        ]
        sources = PackageSources({"debian": mirror}, {"debian": keyring})
        given = {"platform": "linux/amd64", "now": 1000.0, "sources": sources, **options}
        with Fetcher(store) as fetcher:
            made = resolve_packages(
                requests, store=store, fetcher=fetcher, options=PackageOptions(**given), progress=Silent()
            )
        return made[0]

    return run


def names(made: SuitePackages) -> list[str]:
    return [package.name for package in made.packages]


def test_a_closure_holds_what_a_minimal_machine_lacks(resolve: Resolve) -> None:
    made = resolve("server")
    assert names(made) == ["libserver", "server", "tool"]
    assert [package.requested for package in made.packages] == [False, True, False]
    assert {package.name: package.version for package in made.packages} == {
        "libserver": "1.5",
        "server": "1:2.0-1",
        "tool": "1.0+deb12u1",
    }
    assert [path for path, _ in made.files] == [
        "packages/debian-bookworm/Packages",
        "packages/debian-bookworm/Release",
        "packages/debian-bookworm/libserver_1.5_all.deb",
        "packages/debian-bookworm/server_2.0-1_amd64.deb",
        "packages/debian-bookworm/tool_1.0+deb12u1_amd64.deb",
    ]


def test_a_package_every_machine_has_is_carried_when_asked_for(resolve: Resolve) -> None:
    assert names(resolve("bash")) == ["bash"]


@pytest.mark.parametrize(("name", "carried"), [("strict", "libtinfo6"), ("updated", "libc6")])
def test_a_machine_that_is_a_point_release_behind_gets_what_it_needs(
    resolve: Resolve, name: str, carried: str
) -> None:
    assert names(resolve(name)) == sorted([name, carried])


def test_the_sites_apt_installs_from_the_repository_alone(
    resolve: Resolve, store: Store, tmp_path: Path
) -> None:
    made = resolve("server")
    folder = tmp_path / "repository"
    folder.mkdir()
    for path, blob in made.files:
        (folder / Path(path).name).write_bytes(store.path(blob.digest).read_bytes())
    out = site_apt(tmp_path / "site", folder, "install", "-y", "--download-only", "server")
    assert "E:" not in out
    fetched = {path.name for path in (tmp_path / "site").rglob("*.deb")}
    assert fetched <= {"server_1%3a2.0-1_amd64.deb", "tool_1.0+deb12u1_amd64.deb", "libserver_1.5_all.deb"}
    out = site_apt(tmp_path / "site", folder, "-s", "install", "server")
    assert {line.split()[1] for line in out.splitlines() if line.startswith("Inst")} == {
        "server",
        "tool",
        "libserver",
    }


def site_apt(root: Path, repository: Path, *words: str) -> str:
    """apt as the installer runs it on a minimal machine: this one repository, nothing else."""
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "sources.list").write_text(f"deb [trusted=yes] file:{repository} ./\n")
    installed = "\n".join(
        p.control().replace("Version:", "Status: install ok installed\nVersion:") for p in MINIMAL
    )
    (root / "status").write_text(installed)
    options = {
        "Dir": root,
        "Dir::State": root / "state",
        "Dir::State::status": root / "status",
        "Dir::Cache": root / "cache",
        "Dir::Etc::SourceList": root / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Parts": "/dev/null",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
    }
    flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    for action in (("update",), words):
        done = subprocess.run(
            ["apt-get", "-q", *flags, *action], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_repository_is_the_same_bytes_each_time(resolve: Resolve) -> None:
    first = resolve("server", "tool")
    again = resolve("tool", "server", refresh=True)
    assert first == again


def test_unknown_names_are_told_all_at_once_with_help(resolve: Resolve) -> None:
    with pytest.raises(Problems) as caught:
        resolve("servr", "mail-transport", "tool")
    hints = {problem.message: problem.hint for problem in caught.value.problems}
    assert hints == {
        "debian:bookworm has no package 'servr'": "did you mean server?",
        "debian:bookworm has no package 'mail-transport'": (
            "it is a virtual package; choose one of mail-a, mail-b"
        ),
    }
    assert {problem.location.line for problem in caught.value.problems} == {7}
    assert caught.value.code is ExitCode.NOT_FOUND


def test_a_pinned_version(resolve: Resolve) -> None:
    assert [p.version for p in resolve("tool=1.0").packages] == ["1.0"]
    with pytest.raises(BundlerError, match=r"'9\.9' for 'tool' was not found"):
        resolve("tool=9.9")


def test_what_cannot_be_installed_is_told_in_apts_words(resolve: Resolve) -> None:
    with pytest.raises(BundlerError) as caught:
        resolve("broken")
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "held broken packages" in str(caught.value)


@pytest.mark.parametrize("name", ["-o=Dir::Etc=/", "Server", "a/b", "server;reboot", "../x", ""])
def test_names_that_are_none_never_reach_apt(resolve: Resolve, name: str) -> None:
    with pytest.raises(Problems) as caught:
        resolve(name)
    assert caught.value.problems[0].rule == "package-name"


def test_unknown_suites(resolve: Resolve) -> None:
    with pytest.raises(Problems) as caught:
        resolve("server", suite="plan9:4")
    assert caught.value.code is ExitCode.UNSUPPORTED
    with pytest.raises(BundlerError, match="the mirror has no debian:potato"):
        resolve("server", suite="debian:potato")


def test_a_second_build_asks_nobody(resolve: Resolve, debian: Mirror) -> None:
    first = resolve("server")
    debian.requests.clear()
    assert resolve("server", now=1000.0 + 3600) == first
    assert resolve("server", now=1000.0 + 10 * 86400, offline=True) == first
    assert debian.requests == []
    assert resolve("server", now=1000.0 + 2 * 86400) == first
    assert any("InRelease" in path for path in debian.requests)


def test_offline_without_a_cache_says_so(resolve: Resolve) -> None:
    with pytest.raises(BundlerError, match="not in the cache"):
        resolve("server", offline=True)


def test_an_index_signed_by_a_stranger_is_refused(resolve: Resolve, tmp_path: Path) -> None:
    with (
        mirror(tmp_path / "stranger", {"bookworm": MINIMAL}) as stranger,
        pytest.raises(BundlerError, match="can't read the indexes") as caught,
    ):
        resolve("bash", mirror=stranger.uri)
    assert "sign" in str(caught.value).lower() or "NO_PUBKEY" in str(caught.value)


def test_an_altered_package_is_refused(resolve: Resolve, tmp_path: Path) -> None:
    with mirror(tmp_path / "altered", {"bookworm": (*MINIMAL, Package("tool"))}) as altered:
        path = altered.root / "pool" / "tool_1.0_amd64.deb"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(BundlerError) as caught:
            resolve("tool", mirror=altered.uri, keyring=altered.keyring)
    assert caught.value.code is ExitCode.INTEGRITY


def test_this_machines_apt_is_left_alone(resolve: Resolve) -> None:
    before = snapshot()
    resolve("server", refresh=True)
    assert snapshot() == before


def snapshot() -> Sequence[tuple[str, int]]:
    places = (Path("/var/lib/apt"), Path("/var/cache/apt"), Path("/etc/apt"), Path("/var/lib/dpkg"))
    return sorted((str(p), p.stat().st_mtime_ns) for place in places for p in place.rglob("*"))


def test_the_machines_mirrors_are_read_as_apt_reads_them_also_where_its_lists_were_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "parts" / "debian.sources").write_text(
        "Types: deb\nURIs: http://m.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
    )
    (tmp_path / "parts" / "security.list").write_text(
        "deb http://m.example/debian-security bookworm-security main\n"
        "deb-src http://m.example/debian bookworm main\n# deb http://o.example/debian sid main\n"
    )
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::parts "/dev/null"; Dir::Etc::main "/dev/null"; Dir::Etc::sourcelist "/dev/null";'
        f'Dir::Etc::sourceparts "{tmp_path}/parts";'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    assert machine_repositories(tmp_path / "lists", ("main",)) == (
        Repository("http://m.example/debian/", "bookworm"),
        Repository("http://m.example/debian/", "bookworm-updates"),
        Repository("http://m.example/debian-security/", "bookworm-security"),
    )
