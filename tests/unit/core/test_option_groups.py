"""Options that are declared once and stand in the signature of every command that has them."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from bundler.core.option_groups import spread

Loud = Annotated[bool, typer.Option("--loud", help="Shout.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Two options of many commands."""

    loud: Loud = False
    times: int = 1


def _app(said: list[tuple[str, Voice, bool]]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @spread
    def greet(name: str, *, first: bool = False, voice: Voice, last: bool = False) -> None:
        """Say hello."""
        said.append((name, voice, first or last))

    return app


@pytest.mark.parametrize(
    ("words", "voice"),
    [
        (["Ada"], Voice()),
        (["Ada", "--loud"], Voice(loud=True)),
        (["--times", "3", "Ada", "--loud"], Voice(loud=True, times=3)),
    ],
)
def test_a_command_gets_its_options_as_one_value(words: list[str], voice: Voice) -> None:
    said: list[tuple[str, Voice, bool]] = []
    done = CliRunner().invoke(_app(said), words)
    assert (done.exit_code, said) == (0, [("Ada", voice, False)])


def test_the_options_stand_in_the_help_where_the_group_stands_in_the_signature() -> None:
    text = CliRunner().invoke(_app([]), ["--help"]).output
    assert "Say hello." in text
    places = [text.index(option) for option in ("--first", "--loud", "--times", "--last")]
    assert places == sorted(places)


def test_a_command_without_groups_keeps_its_signature() -> None:
    def plain(name: str, *, loud: Loud = False) -> None:
        """Nothing shared."""

    assert inspect.signature(spread(plain)) == inspect.signature(plain)


def test_an_option_that_two_groups_have_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Also:
        times: int = 2

    def twice(*, voice: Voice, also: Also) -> None:
        """Can't be."""

    twice.__annotations__["also"] = Also
    with pytest.raises(ValueError, match="times"):
        spread(twice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A group in a group."""

    voice: Voice
    slow: bool = False


def test_a_group_may_hold_another() -> None:
    said: list[Speech] = []

    @spread
    def speak(*, speech: Speech) -> None:
        """Say it."""
        said.append(speech)

    assert list(inspect.signature(speak).parameters) == ["loud", "times", "slow"]
    app = typer.Typer()
    app.command()(speak)
    assert CliRunner().invoke(app, ["--times", "2", "--slow"]).exit_code == 0
    assert said == [Speech(voice=Voice(times=2), slow=True)]
