"""Which frozen installer is taken from the cache to be sealed, and which is made again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.runtime import freeze as freezing
from bundler.builder.runtime.freeze import freeze, this_platform
from bundler.core.digest import Digest

Build = Callable[[], Path]


class Machine:
    """Stands for PyInstaller on a machine: one library goes in. made: how often it was frozen."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "libssl.so.3"
        self.library.write_text("libssl 3.0.1")
        self.made = 0

    def frozen_folder(self, _script: Path, work: Path, _log: object) -> tuple[Path, tuple[Path, ...]]:
        self.made += 1
        app = work / "app"
        app.mkdir()
        (app / "libssl.so.3").write_bytes(self.library.read_bytes())
        return app, (self.library,)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setattr(freezing, "frozen_folder", machine.frozen_folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return machine


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return lambda: freeze(this_platform(), tmp_path / "cache")


def test_it_is_frozen_once(machine: Machine, build: Build) -> None:
    assert build() == build()
    assert machine.made == 1


@pytest.mark.parametrize("spoil", [lambda data: data[:-1] + b"X", lambda data: data[: len(data) // 2]])
def test_bytes_that_changed_in_the_cache_are_not_used(
    machine: Machine, build: Build, spoil: Callable[[bytes], bytes]
) -> None:
    path = build()
    good = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(spoil(good))
    assert build().read_bytes() == good
    assert machine.made == 2


def test_a_cache_that_came_from_elsewhere_vouches_for_nothing(
    machine: Machine, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to the cache can put a blob there, under its right digest, and every record."""
    build()
    with Store(tmp_path / "cache") as store:
        store.add([b"a hostile installer"], digest=None, size=None, name="x")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    build()
    assert machine.made == 2


def test_a_library_that_was_updated_is_frozen_in_anew(machine: Machine, build: Build) -> None:
    before = build()
    machine.library.write_text("libssl 3.0.2")  # as long as before: size and version strings tell nothing
    assert build() != before
    assert machine.made == 2


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_record_that_others_could_write_does_not_count(
    machine: Machine, build: Build, tmp_path: Path, mode: int
) -> None:
    build()
    (record,) = (tmp_path / "state/bundler/installers").iterdir()
    record.chmod(mode)
    build()
    assert machine.made == 2


@pytest.mark.parametrize("text", [b"", b"[]", b'["sha256:1", 1, "", []]', b"\xff", b'{"a": 1}'])
def test_a_record_that_is_torn_is_none(machine: Machine, build: Build, tmp_path: Path, text: bytes) -> None:
    build()
    (record,) = (tmp_path / "state/bundler/installers").iterdir()
    record.write_bytes(text)
    build()
    assert machine.made == 2


def test_without_a_home_it_is_frozen_each_time(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    said: list[str] = []
    for _ in range(2):
        freeze(this_platform(), tmp_path / "cache", log=said.append)
    assert machine.made == 2
    assert "there is no home folder" in said[0]


def test_it_lies_in_the_cache_under_its_digest(machine: Machine, build: Build, tmp_path: Path) -> None:
    path = build()
    with path.open("rb") as stream:
        assert Digest.of_file(stream).hex == path.name
    link = tmp_path / "cache/runtime" / f"{str(this_platform()).replace('/', '-')}.tar.gz"
    assert link.resolve() == path
    assert machine.made == 1
