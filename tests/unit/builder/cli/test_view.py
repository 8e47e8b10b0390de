import io
import sys
from pathlib import Path

import pytest

from bundler.builder.cli.bars import Bars
from bundler.builder.cli.view import Lines, View, display, log_path


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_tell_of_long_transfers_now_and_then() -> None:
    clock, out = Clock(), list[str]()
    lines = Lines(out.append, clock)
    lines.begin("images")
    one, two = lines.transfer("a", 100 << 20), lines.transfer("b", 100 << 20)
    clock.now += 4
    one.advance(30 << 20)
    clock.now += 1
    two.advance(20 << 20)
    clock.now += 1
    one.advance(1)
    assert out == ["[   0.0 s] images", "           50.0 MiB of 200 MiB, 10.0 MiB/s, 15 s left"]


def test_a_restart_takes_back_and_unknown_totals_are_left_out() -> None:
    clock, out = Clock(), list[str]()
    lines = Lines(out.append, clock)
    transfer = lines.transfer("a", None)
    transfer.advance(10 << 20)
    transfer.advance(-(4 << 20))
    clock.now += 6
    transfer.advance(0)
    assert out == ["           6.0 MiB, 1.0 MiB/s"]


def test_who_is_told_what() -> None:
    def shown(**options: bool) -> tuple[list[str], str]:
        out: list[str] = []
        log = io.StringIO()
        with View(Lines(out.append, Clock()), log, **options) as view:
            view.begin("stage")
            view.say("a warning")
            view.log("a detail")
            view.note("for the log")
            with_bytes = view.transfer("x", 1)
            with_bytes.advance(1)
            with_bytes.close()
        return out, log.getvalue()

    plain, log = shown()
    assert plain == ["[   0.0 s] stage", "a warning"]
    assert shown(verbose=True)[0] == ["[   0.0 s] stage", "a warning", "  a detail"]
    assert shown(quiet=True)[0] == ["a warning"]
    assert [line[10:] for line in log.splitlines()] == ["== stage", "a warning", "a detail", "for the log"]


@pytest.mark.parametrize(("watched", "quiet"), [(False, False), (True, True)])
def test_lines_are_plain_where_nobody_watches_or_wants_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, watched: bool, quiet: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched, raising=False)
    shown = display(quiet=quiet)
    shown.line("a line")
    shown.close()
    assert capsys.readouterr().err == "a line\n"


def test_bars_are_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown = display()
    shown.close()
    assert isinstance(shown, Bars)


def test_only_the_newest_logs_are_kept(tmp_path: Path) -> None:
    for number in range(25):
        log_path(tmp_path, "x", now=number * 60.0).write_text("")
    assert len(list((tmp_path / "logs").iterdir())) == 21
    assert not (tmp_path / "logs" / "19700101T000000Z-x.log").exists()


def test_plain_lines_say_now_and_then_what_a_command_is_at() -> None:
    clock, out = Clock(), list[str]()
    lines = Lines(out.append, clock)
    lines.begin("stage")
    clock.now += 29
    lines.detail("compiling, about 9 min left")
    clock.now += 1
    lines.detail("compiling, about 8 min left")
    clock.now += 10
    lines.detail("compiling, about 7 min left")
    lines.line("a warning")
    clock.now += 29
    lines.detail("linking")  # a line was there half a minute ago
    assert out == ["[   0.0 s] stage", "           compiling, about 8 min left", "a warning"]
