import pytest

from bundler.builder.packages.deb.archives import ARCHIVES
from bundler.builder.packages.deb.mirror import repositories
from bundler.builder.packages.deb.root import Repository
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.suite import Suite

BOOKWORM = Suite("debian", "bookworm")
MAIN, SECURITY = "http://m.example/debian/", "http://s.example/sec/"
HERE = (
    Repository(MAIN, "bookworm"),
    Repository(MAIN, "bookworm-updates"),
    Repository(SECURITY, "bookworm-security"),
)


def asked(
    mirror: str, machine: tuple[Repository, ...], there: set[tuple[str, str]]
) -> tuple[Repository, ...]:
    return repositories(
        BOOKWORM,
        ARCHIVES["debian"][0],
        mirror=mirror,
        machine=machine,
        exists=lambda each: (each.uri, each.suite) in there,
    )


def test_a_machine_of_the_same_release_is_taken_as_it_is() -> None:
    assert asked("", HERE, set()) == HERE


def test_a_machine_of_another_release_lends_its_mirrors() -> None:
    trixie = tuple(Repository(each.uri, each.suite.replace("bookworm", "trixie")) for each in HERE)
    there = {(MAIN, "bookworm"), (SECURITY, "bookworm-security")}
    assert asked("", trixie, there) == (HERE[0], HERE[2])


@pytest.mark.parametrize("mirror", ["http://x.example/debian", "http://x.example/debian/"])
def test_a_named_mirror_has_security_updates_beside_it(mirror: str) -> None:
    found = asked(
        mirror,
        HERE,
        {
            ("http://x.example/debian/", "bookworm"),
            ("http://x.example/debian-security/", "bookworm-security"),
        },
    )
    assert [each.uri for each in found] == ["http://x.example/debian/", "http://x.example/debian-security/"]


def test_a_mirror_without_a_folder_is_asked_for_no_security_updates() -> None:
    assert asked("http://x.example:8080", (), {("http://x.example:8080/", "bookworm")}) == (
        Repository("http://x.example:8080/", "bookworm"),
    )


@pytest.mark.parametrize("mirror", ["", "http://x.example/debian"])
def test_nothing_to_be_had(mirror: str) -> None:
    with pytest.raises(BundlerError) as caught:
        asked(mirror, (), set())
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "--debian-mirror" in str(caught.value)


def test_ubuntus_mirrors_have_security_updates_beside_all_else_and_universe() -> None:
    there = {"noble", "noble-updates", "noble-security"}
    found = repositories(
        Suite("ubuntu", "noble"),
        ARCHIVES["ubuntu"][0],
        mirror="http://u.example/ubuntu",
        machine=(),
        exists=lambda each: each.suite in there,
    )
    assert found == tuple(
        Repository("http://u.example/ubuntu/", suite, ("main", "universe"))
        for suite in ("noble", "noble-updates", "noble-security")
    )


def test_a_missing_mirror_is_told_by_the_archives_own_option() -> None:
    with pytest.raises(BundlerError) as caught:
        repositories(
            Suite("ubuntu", "noble"), ARCHIVES["ubuntu"][1], mirror="", machine=(), exists=lambda _: True
        )
    assert "--ubuntu-ports-mirror or BUNDLER_UBUNTU_PORTS_MIRROR" in caught.value.fix
