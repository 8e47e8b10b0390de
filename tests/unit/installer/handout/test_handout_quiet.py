"""What is shown of a run with --quiet and --noprogress, which the stub hands on in the environment."""

import io

import pytest

from bundler.installer.cli.progress import PlainProgress, view
from bundler.installer.operations.speaking import say
from bundler.installer.run.events import RunStarted


class Terminal(io.StringIO):
    """Takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BUNDLER_QUIET", "yes")
    shown = Terminal()
    with view(shown, detail=True) as sink:
        sink(RunStarted("install", 3, 1, 10))
    say("note")
    assert shown.getvalue() == capsys.readouterr().err == ""


def test_noprogress_shows_plain_lines_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLER_NOPROGRESS", "yes")
    assert isinstance(view(Terminal(), detail=False), PlainProgress)
