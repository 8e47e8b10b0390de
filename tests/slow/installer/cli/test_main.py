"""The command line: which words mean which command, and what a wrong one gives."""

import subprocess
import sys
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.cli.main import main, with_default


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--clusterfile", "s.yaml"], ["apply", "--clusterfile", "s.yaml"]),
        (["-f", "s.yaml"], ["apply", "-f", "s.yaml"]),
        (["apply", "-f", "s"], ["apply", "-f", "s"]),
        (["delete", "--yes"], ["delete", "--yes"]),
        (["--help"], ["--help"]),
        ([], ["--help"]),
        (["aply"], ["aply"]),
    ],
)
def test_apply_is_meant_without_a_command(words: list[str], expected: list[str]) -> None:
    assert with_default(words) == expected


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["aply"], ExitCode.USAGE, "did you mean ./product.run apply"),
        (["plna", "-f", "x"], ExitCode.USAGE, "did you mean ./product.run plan -f x"),
        (["quite-else"], ExitCode.USAGE, "--help lists them"),
        (["--clusterfil", "x"], ExitCode.USAGE, "--clusterfile"),
        (["plan"], ExitCode.USAGE, "--clusterfile"),
        (["apply", "-f", "x", "--parallel", "0"], ExitCode.USAGE, "--parallel"),
        (["apply", "-f", "x"], ExitCode.USAGE, "BUNDLER_RUN_FILE"),
    ],
)
def test_wrong_use(
    words: list[str],
    code: ExitCode,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BUNDLER_RUN_FILE", raising=False)
    assert main(words) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_a_file_that_is_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.run").write_bytes(b"nothing")
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(tmp_path / "x.run"))
    assert main(["apply", "-f", "x"]) == ExitCode.INTEGRITY
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--help"], ["apply", "--help"], ["plan", "-h"], ["delete", "--help"], ["facts", "--help"]]
)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == ExitCode.OK
    assert "--clusterfile" in capsys.readouterr().out


def test_a_fault_of_ours_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_words: list[str]) -> int:
        raise TypeError("oops")

    monkeypatch.setattr("bundler.installer.cli.main._dispatch", broken)
    assert main([]) == ExitCode.BUG
    shown = capsys.readouterr().err
    assert "bug in bundler: TypeError: oops" in shown
    assert "Traceback" not in shown


def test_version_loads_neither_typer_nor_paramiko() -> None:
    code = (
        "import sys; from bundler.installer.cli.main import main; main(['--version']); "
        "sys.exit(len({'typer', 'paramiko', 'pydantic', 'rich', 'yaml'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("word", ["extract", "export", "serve", "push-images"])
def test_commands_about_the_content_start_without_the_site(word: str) -> None:
    script = (
        "import sys\nfrom bundler.installer.cli.main import main\n"
        f"assert main([{word!r}, '--help']) == 0\n"
        "print(sorted({'paramiko', 'jinja2', 'bundler.installer.operations.session'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert f"{word} [OPTIONS]" in done.stdout
    assert done.stdout.endswith("[]\n")
