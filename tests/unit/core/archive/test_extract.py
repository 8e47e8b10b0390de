"""Taking files out of a .run: what is chosen, what is written, and what never is."""

from pathlib import Path

import pytest

from bundler.core.archive.extract import below, extract, select
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.archive.bundles import Make

FILES = {
    "packages/debian-bookworm/Release": b"r",
    "root/bin/kubelet": b"k" * 3_000_000,
    "root/etc/a.yaml": b"a: 1\n",
    "root/etc/deep/b.yaml": b"",
    "root/etc/[x].yaml": b"x",
}


@pytest.fixture
def bundle(make: Make, tmp_path: Path) -> Bundle:
    make(FILES)
    return Bundle.open(tmp_path / "demo.run")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["root/bin/kubelet"], {"root/bin/kubelet"}),
        (["root/etc"], {"root/etc/a.yaml", "root/etc/deep/b.yaml", "root/etc/[x].yaml"}),
        (["root/etc/"], {"root/etc/a.yaml", "root/etc/deep/b.yaml", "root/etc/[x].yaml"}),
        (["*.yaml"], {"root/etc/a.yaml", "root/etc/deep/b.yaml", "root/etc/[x].yaml"}),
        (["root/etc/[x].yaml"], {"root/etc/[x].yaml"}),
        (["packages", "*/a.yaml"], {"packages/debian-bookworm/Release", "root/etc/a.yaml"}),
        (["*"], set(FILES)),
    ],
)
def test_names_folders_and_globs_choose(bundle: Bundle, patterns: list[str], expected: set[str]) -> None:
    assert {taken.member.path for taken in select(bundle.index, patterns)} == expected


@pytest.mark.parametrize("pattern", ["root/b", "nothing*", "", "/", "../root", "root/bin/kubelet/x"])
def test_what_matches_nothing_is_told(bundle: Bundle, pattern: str) -> None:
    with pytest.raises(BundlerError, match="nothing in the bundle") as caught:
        select(bundle.index, ["*", pattern])
    assert caught.value.code is ExitCode.NOT_FOUND


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_files_come_out_whole_with_the_callers_umask(bundle: Bundle, tmp_path: Path, umask: int) -> None:
    target = tmp_path / "out"
    counts: list[int] = []
    extract(bundle, select(bundle.index, ["*"]), target, umask=umask, progress=counts.append)
    found = {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert found == FILES
    assert (target / "root/bin/kubelet").stat().st_mode & 0o777 == 0o644 & ~umask
    assert sum(counts) == sum(map(len, FILES.values()))


def test_a_folders_content_goes_without_its_name(bundle: Bundle, tmp_path: Path) -> None:
    extract(bundle, below(bundle.index, "packages"), tmp_path / "p")
    assert (tmp_path / "p/debian-bookworm/Release").read_bytes() == b"r"


def test_what_is_there_is_not_replaced_and_nothing_is_added(bundle: Bundle, tmp_path: Path) -> None:
    target = tmp_path / "out"
    (target / "root/etc").mkdir(parents=True)
    (target / "root/etc/a.yaml").write_text("mine")
    with pytest.raises(BundlerError) as caught:
        extract(bundle, select(bundle.index, ["*"]), target)
    assert caught.value.code is ExitCode.INPUT
    assert [p for p in target.rglob("*") if p.is_file()] == [target / "root/etc/a.yaml"]
    assert (target / "root/etc/a.yaml").read_text() == "mine"


@pytest.mark.parametrize("link", ["root", "root/etc", "root/etc/a.yaml"])
def test_a_link_in_the_target_is_not_followed(bundle: Bundle, tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = tmp_path / "out"
    (target / link).parent.mkdir(parents=True)
    (target / link).symlink_to(elsewhere)
    with pytest.raises(BundlerError) as caught:
        extract(bundle, select(bundle.index, ["root/etc/a.yaml"]), target)
    assert caught.value.code is ExitCode.INPUT
    assert list(elsewhere.iterdir()) == []


def test_damage_leaves_nothing_not_even_the_folder(make: Make, tmp_path: Path) -> None:
    seal = make(FILES, compressed=False)
    path = tmp_path / "demo.run"
    with Bundle.open(path) as bundle:
        kubelet = bundle.member("root/bin/kubelet")
    with path.open("r+b") as file:
        file.seek(seal.section("archive").offset + kubelet.offset + kubelet.length - 5)
        file.write(b"\xff\x00\xff\x00")
    with Bundle.open(path) as bundle, pytest.raises(BundlerError) as caught:
        extract(bundle, select(bundle.index, ["*"]), tmp_path / "out")
    assert caught.value.code is ExitCode.INTEGRITY
    assert not (tmp_path / "out").exists()


def test_a_target_that_cannot_be_is_told(bundle: Bundle, tmp_path: Path) -> None:
    for target in (tmp_path / "no/such", tmp_path / "demo.run"):
        with pytest.raises(BundlerError, match="can't be used"):
            extract(bundle, select(bundle.index, ["*"]), target)
