"""libsolv's answers over small repositories, written by hand; real ones are in tests/real."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.builder.packages.rpm.metadata import Metadata
from bundler.builder.packages.rpm.modules import Modules
from bundler.builder.packages.rpm.repofile import RpmRepository
from bundler.builder.packages.rpm.solve import RpmPool, Unknown
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" '
    'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">'
)


def package(
    name: str,
    version: str = "1",
    *,
    requires: Sequence[str] = (),
    architecture: str = "noarch",
    checksum: str = "sha256",
) -> str:
    needs = "".join(f'<rpm:entry name="{each}"/>' for each in requires)
    digest = "1" * (64 if checksum == "sha256" else 128)
    return (
        f'<package type="rpm"><name>{name}</name><arch>{architecture}</arch>'
        f'<version epoch="0" ver="{version}" rel="1"/>'
        f'<checksum type="{checksum}" pkgid="YES">{digest}</checksum><size package="10"/>'
        f'<location href="p/{name}-{version}.rpm"/><format><rpm:provides>'
        f'<rpm:entry name="{name}" flags="EQ" epoch="0" ver="{version}" rel="1"/></rpm:provides>'
        f"<rpm:requires>{needs}</rpm:requires></format></package>"
    )


def repository(folder: Path, name: str, *packages: str, priority: int = 99) -> Metadata:
    path = folder / f"{name}.xml"
    path.write_text("\n".join([HEAD, *packages, "</metadata>"]))
    about = RpmRepository(name, "https://m.example/", (), True, False, priority)  # noqa: FBT003
    return Metadata(about, Digest("0" * 64), path)


BASH = package("bash", requires=["glibc"]), package("glibc")


def told(pool: RpmPool, *names: str) -> list[tuple[str, str, str]]:
    return [(each.name, each.version, each.archive) for each in pool.closure(names)]


def test_the_newest_is_taken_and_what_every_machine_has_is_left_out(tmp_path: Path) -> None:
    base = repository(tmp_path, "base", *BASH, package("tool", "1"), package("tool", "10", requires=["bash"]))
    assert told(RpmPool([base], "x86_64"), "tool") == [("tool", "10-1", "base")]


def test_a_repository_of_less_priority_is_taken_where_it_has_the_package(tmp_path: Path) -> None:
    base = repository(tmp_path, "base", *BASH, package("tool", "10"))
    own = repository(tmp_path, "own", package("tool", "2"), priority=10)
    assert told(RpmPool([base, own], "x86_64"), "tool") == [("tool", "2-1", "own")]


def test_packages_of_another_architecture_are_none(tmp_path: Path) -> None:
    base = repository(tmp_path, "base", *BASH, package("tool", architecture="aarch64"))
    assert told(RpmPool([base], "aarch64"), "tool") == [("tool", "1-1", "base")]
    pool = RpmPool([base], "x86_64")
    assert pool.unknown(["tool", "bash"]) == (Unknown("tool", "there is one for aarch64"),)


def test_streams_that_are_no_default_are_not_there(tmp_path: Path) -> None:
    packages = (*BASH, package("db", "1"), package("db", "2"), package("db", "3"))
    modules = Modules(frozenset({"db-0:1-1.noarch"}), frozenset({"db-0:3-1.noarch"}))
    base = replace(repository(tmp_path, "base", *packages), modules=modules)
    assert told(RpmPool([base], "x86_64"), "db") == [("db", "1-1", "base")]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (package("tool", checksum="sha512"), ExitCode.UNSUPPORTED),
        (package("tool", requires=["../up"]) + package("../up"), ExitCode.INTEGRITY),
        (package("tool", requires=["-x"]) + package("-x"), ExitCode.INTEGRITY),
        (package("tool", version="1/../2"), ExitCode.INTEGRITY),
    ],
)
def test_what_cannot_become_a_file_of_a_bundle_is_refused(tmp_path: Path, bad: str, code: ExitCode) -> None:
    base = repository(tmp_path, "base", *BASH, bad)
    with pytest.raises(BundlerError) as caught:
        RpmPool([base], "x86_64").closure(["tool"])
    assert caught.value.code is code


@pytest.mark.parametrize("text", ["<metadata", "no XML at all", ""])
def test_metadata_that_is_damaged(tmp_path: Path, text: str) -> None:
    base = repository(tmp_path, "base")
    base.primary.write_text(text)
    with pytest.raises(BundlerError):
        RpmPool([base], "x86_64").closure(["tool"])
