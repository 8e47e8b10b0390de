"""Which sites there are, and which names none can have."""

from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, settings
from tests.site.__main__ import main


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Where sites keep their state and their disks, and a host that could boot one."""
    run, disks = tmp_path / "run/sites", tmp_path / "lib/sites"
    monkeypatch.setattr(lifecycle, "RUN_ROOT", run)
    monkeypatch.setattr(lifecycle, "DISK_ROOT", disks)
    monkeypatch.setattr(settings, "RUN_ROOT", run)
    monkeypatch.setattr(settings, "_KEPT", run / "host-settings.json")
    monkeypatch.setattr(lifecycle, "require_support", lambda: None)
    return run, disks


def test_disks_without_a_journal_are_a_site_and_go(roots: tuple[Path, Path]) -> None:
    run, disks = roots
    (disks / "lab/node-1/root").mkdir(parents=True)
    (disks / "lab/node-1/disk.img").write_bytes(b"ext4")
    assert lifecycle.names() == ("lab",)
    lifecycle.down("lab", lambda _: None)
    assert not run.exists()
    assert not disks.exists()


@pytest.mark.parametrize("name", ["..", ".", "", "../../etc", "/etc"])
def test_down_of_what_is_no_sites_name_touches_nothing(roots: tuple[Path, Path], name: str) -> None:
    run, disks = roots
    for folder in (run / "lab", disks / "lab"):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    with pytest.raises(BundlerError) as caught:
        lifecycle.down(name, lambda _: None)
    assert caught.value.code is ExitCode.USAGE
    assert (run / "lab/file").exists()
    assert (disks / "lab/file").exists()


@pytest.mark.parametrize(
    "words", ["slow --rate 10 1", "slow --loss 1 1", "fill --leave 1T 1", "power up 1", "power off", "cut"]
)
def test_wrong_words_are_refused_before_anything_is_done(words: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    "words", ["power off 1", "cut 1", "mend 1", "fill 1", "free 1", "restore 1", "slow 1"]
)
def test_a_site_that_is_not_up_is_told(
    roots: tuple[Path, Path], capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert not roots[0].exists()
    assert main([*words.split(), "--name", "lab"]) == ExitCode.NOT_FOUND
    assert "site lab is not up" in capsys.readouterr().err
