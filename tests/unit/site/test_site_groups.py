"""Groups without systemd: what the kernel still holds after the kill is waited for, and not for ever."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from tests.site import groups, lifecycle
from tests.site.groups import CgroupGroups
from tests.site.undo import Journal, Kind, Made

Rmdir = Callable[[Path], None]


def busy(monkeypatch: pytest.MonkeyPatch, name: str, tries: int) -> None:
    """`rmdir` of folders called `name` fails so many times as the kernel does for a cgroup just emptied."""
    real, left = Path.rmdir, [tries]

    def rmdir(self: Path) -> None:
        if self.name == name and left[0]:
            left[0] -= 1
            raise OSError(errno.EBUSY, "Device or resource busy", str(self))
        real(self)

    monkeypatch.setattr(Path, "rmdir", rmdir)


@pytest.fixture
def hierarchies(tmp_path: Path) -> tuple[Path, ...]:
    made = (tmp_path / "cpu", tmp_path / "memory")
    for base in made:
        (base / "site-a/payload/inner").mkdir(parents=True)
    return made


def test_a_busy_group_is_waited_for(monkeypatch: pytest.MonkeyPatch, hierarchies: tuple[Path, ...]) -> None:
    busy(monkeypatch, "payload", 5)
    CgroupGroups(hierarchies).remove("site-a")
    assert [list(base.iterdir()) for base in hierarchies] == [[], []]


def test_one_that_stays_busy_is_told_and_the_others_are_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpu/site-a/stuck").mkdir(parents=True)
    (tmp_path / "memory/site-a").mkdir(parents=True)
    monkeypatch.setattr(groups, "_END_LIMIT", 0.1)
    busy(monkeypatch, "stuck", 10**6)
    with pytest.raises(BundlerError, match="still holds site-a") as caught:
        CgroupGroups((tmp_path / "cpu", tmp_path / "memory")).remove("site-a")
    assert caught.value.code is ExitCode.STEP
    assert not (tmp_path / "memory/site-a").exists()


def test_removing_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    CgroupGroups((tmp_path,)).remove("site-a")


def test_what_the_kernel_refuses_does_not_keep_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    journal = Journal(folder / "undo.jsonl")
    for name in ("first", "second", "third"):
        journal.note(Kind.FOLDER, name)
    undone = []

    def undo(made: Made, _groups: object) -> None:
        if made.name == "second":
            raise OSError(errno.EBUSY, "Device or resource busy")
        undone.append(made.name)

    monkeypatch.setattr(lifecycle, "RUN_ROOT", tmp_path)
    monkeypatch.setattr(lifecycle, "undo", undo)
    with pytest.raises(BundlerError, match="second could not be removed"):
        lifecycle._remove("lab", CgroupGroups(()))
    assert undone == ["third", "first"]
    assert journal.path.exists(), "the next `down` needs it"
