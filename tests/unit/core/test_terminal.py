"""Text on its way to a terminal."""

import io
import os

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.terminal import plain, show, tame


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("a\rb", "a\\rb"),
        ("\x9b1m", "\\x9b1m"),  # an escape sequence of one byte less
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udc80", "\\udc80"),
    ],
)
def test_nothing_is_obeyed(text: str, expected: str) -> None:
    assert tame(text) == expected
    assert plain(f"{text}\n\t{text}") == f"{expected}\n\t{expected}"
    error = BundlerError(text, code=ExitCode.HOST, where=text, why=text, fix=text)
    assert str(error) == f"{expected}: {expected}\n  why: {expected}\n  fix: {expected}"


def test_a_reader_that_has_gone_stops_nobody() -> None:
    there, here = os.pipe()
    with os.fdopen(here, "w") as stream:
        os.close(there)
        show(stream, "one\n")
        show(stream, "two\n")
        print("three", file=stream, flush=True)  # whoever writes without asking is not stopped either


def test_a_stream_that_was_closed_before_we_began() -> None:
    show(None, "one")
    closed = io.StringIO()
    closed.close()
    show(closed, "one")


def test_a_terminal_of_another_encoding() -> None:
    kept = io.BytesIO()
    stream = io.TextIOWrapper(kept, encoding="ascii")
    show(stream, "é✓\n")
    assert kept.getvalue() == b"\\xe9\\u2713\n"
