"""The commands of the day after: where a pass phrase comes from, and what each needs to be told."""

from pathlib import Path

import pyrage
import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli import restore_commands, snapshot_commands
from bundler.installer.cli.main import main
from bundler.installer.snapshot.age import PassPhrase
from tests.unit.installer.snapshot import kit


@pytest.mark.parametrize("command", ["maintenance", "shutdown", "start", "snapshot", "restore"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == ExitCode.OK
    assert "--clusterfile" in capsys.readouterr().out


def test_a_pass_phrase_is_the_first_line_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "phrase").write_bytes(b"correct horse\r\nnot this\n")
    assert snapshot_commands.pass_phrase(tmp_path / "phrase") == PassPhrase(b"correct horse")
    (tmp_path / "empty").write_bytes(b"\n")
    with pytest.raises(BundlerError, match="empty") as caught:
        snapshot_commands.pass_phrase(tmp_path / "empty")
    assert caught.value.code is ExitCode.INPUT
    monkeypatch.setenv(snapshot_commands.VARIABLE, "from here")
    assert snapshot_commands.pass_phrase(None) == PassPhrase(b"from here")


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(snapshot_commands.VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(BundlerError, match="no terminal") as caught:
        snapshot_commands.pass_phrase(None, twice=True)
    assert caught.value.code is ExitCode.USAGE
    assert "--recipient" in caught.value.fix


def test_no_pass_phrase_shows_in_a_repr() -> None:
    assert "horse" not in repr(PassPhrase(b"correct horse"))


def test_a_key_opens_what_was_written_to_it_and_a_plain_file_needs_none(tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"# a comment\n{key}\n")
    kit.write(tmp_path / "x.snapshot", snapshot_commands._readers([str(key.to_public())], None))  # type: ignore[arg-type]  # recipients
    assert restore_commands._opener(tmp_path / "x.snapshot", tmp_path / "key", None)
    kit.plain(tmp_path / "x.tar")
    assert restore_commands._opener(tmp_path / "x.tar", None, None) is None
    (tmp_path / "none").write_text("# nothing\n")
    with pytest.raises(BundlerError, match="has no key"):
        restore_commands._opener(tmp_path / "x.snapshot", tmp_path / "none", None)


def test_recipients_and_a_pass_phrase_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        snapshot_commands._readers(["age1x"], tmp_path)
    assert caught.value.code is ExitCode.USAGE


def test_the_file_is_read_before_any_host_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"no snapshot at all" * 100)
    (tmp_path / "p").write_text("phrase\n")
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(tmp_path / "none.run"))
    words = [
        "restore",
        "-f",
        "none.yaml",
        "--from",
        str(tmp_path / "x"),
        "--passphrase-file",
        str(tmp_path / "p"),
    ]
    assert main(words) == ExitCode.INPUT
    assert "the file is no snapshot" in capsys.readouterr().err
