"""What a person agrees to before something can't be taken back."""

import os
import pty
import sys
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.cli import asking
from bundler.installer.cli.consent import agree, agree_by_name


def _terminal(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: there)


def _asked(answer: object) -> None:
    agree(
        "Stop it?",
        command="shutdown",
        before=f"it stops {answer}",
        undone="nothing was stopped",
        answer="stop",
    )


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, there=False)
    with pytest.raises(
        BundlerError, match="shutdown asks before it stops all, and there is no terminal"
    ) as caught:
        _asked("all")
    assert (caught.value.code, caught.value.fix) == (ExitCode.USAGE, "add --yes")
    with pytest.raises(BundlerError, match="no terminal") as caught:
        agree_by_name("shop", command="restore", fix="add --confirm shop, or --yes")
    assert "--confirm shop" in caught.value.fix


def test_a_no_undoes_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, there=True)
    monkeypatch.setattr(asking, "confirm", lambda _question: True)
    _asked("all")
    monkeypatch.setattr(asking, "confirm", lambda _question: False)
    with pytest.raises(BundlerError, match="nothing was stopped") as caught:
        _asked("all")
    assert (caught.value.code, caught.value.fix) == (ExitCode.INTERRUPTED, "answer y to stop")


def test_another_sites_name_is_no_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    agree_by_name("shop", command="restore", given="shop")
    with pytest.raises(BundlerError, match="nothing was changed") as caught:
        agree_by_name("shop", command="restore", given="shop-bonn")
    assert caught.value.code is ExitCode.USAGE
    _terminal(monkeypatch, there=True)
    monkeypatch.setattr(asking, "prompt", lambda _question: "shop-bonn")
    with pytest.raises(BundlerError, match="nothing was changed") as caught:
        agree_by_name("shop", command="rollback")
    assert caught.value.code is ExitCode.INTERRUPTED
    monkeypatch.setattr(asking, "prompt", lambda _question: "shop")
    agree_by_name("shop", command="rollback")


_ASK = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from bundler.core.errors import BundlerError
from bundler.installer.cli import asking
try:
    {call}
except BundlerError as error:
    open({told!r}, "w").write(str(int(error.code)) + " " + error.what)
"""


@pytest.mark.parametrize(
    "call",
    [
        'asking.confirm("Delete the cluster?")',
        'asking.prompt("Type shop to go on")',
        'asking.prompt("Choice", default="w", err=True)',
        'asking.hidden("ssh password: ", fix="f")',
    ],
)
def test_a_terminal_that_goes_away_amid_a_question_is_no_yes(tmp_path: Path, call: str) -> None:
    """As with nohup: SIGHUP is not heard, and reading from the dead terminal fails."""
    told = tmp_path / "told"
    pid, terminal = pty.fork()
    if pid == 0:
        words = [sys.executable, "-c", _ASK.format(call=call, told=str(told))]
        os.execv(sys.executable, words)  # noqa: S606  (pytest must not go on in the child)
    shown = os.read(terminal, 100)  # the question stands there
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert shown
    assert os.waitstatus_to_exitcode(status) == 0
    assert told.read_text() == "130 there was no answer"
