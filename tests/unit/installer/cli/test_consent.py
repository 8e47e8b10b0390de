"""What a person agrees to before something can't be taken back."""

import pytest
import typer

from bundler.core.errors import BundlerError, ExitCode
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
    monkeypatch.setattr(typer, "confirm", lambda _question: True)
    _asked("all")
    monkeypatch.setattr(typer, "confirm", lambda _question: False)
    with pytest.raises(BundlerError, match="nothing was stopped") as caught:
        _asked("all")
    assert (caught.value.code, caught.value.fix) == (ExitCode.INTERRUPTED, "answer y to stop")


def test_another_sites_name_is_no_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    agree_by_name("shop", command="restore", given="shop")
    with pytest.raises(BundlerError, match="nothing was changed") as caught:
        agree_by_name("shop", command="restore", given="shop-bonn")
    assert caught.value.code is ExitCode.USAGE
    _terminal(monkeypatch, there=True)
    monkeypatch.setattr(typer, "prompt", lambda _question: "shop-bonn")
    with pytest.raises(BundlerError, match="nothing was changed") as caught:
        agree_by_name("shop", command="rollback")
    assert caught.value.code is ExitCode.INTERRUPTED
    monkeypatch.setattr(typer, "prompt", lambda _question: "shop")
    agree_by_name("shop", command="rollback")
