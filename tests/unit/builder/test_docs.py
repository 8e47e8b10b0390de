"""What the documents say of the command line is what it does."""

import re
from pathlib import Path

import typer.main

from bundler.builder.cli.app import app
from bundler.core.errors import ExitCode

DOCS = Path(__file__).parents[3] / "docs"


def test_every_exit_code_is_documented_by_its_number_and_name() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", (DOCS / "exit-codes.md").read_text(), re.MULTILINE)
    assert {name: int(number) for number, name in rows} == {code.name: code.value for code in ExitCode}


def test_every_option_is_documented() -> None:
    text = (DOCS / "cli-bundler.md").read_text()
    group = typer.main.get_command(app)
    options = {
        name
        for command in group.commands.values()  # type: ignore[attr-defined]  # the app has commands: it is a group
        for parameter in command.params
        for name in parameter.opts[:1]
        if name.startswith("-") and name != "--help"
    }
    assert options
    assert {option for option in options if f"`{option}" not in text} == set()
