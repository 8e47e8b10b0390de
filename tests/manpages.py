"""Man pages of both programs, made from their own help: `python -m tests.manpages FOLDER`.

The form is man(7)'s. Section 1; one page a program with all its commands, so that one search finds an option.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer.main

_ESCAPES: Final = str.maketrans({"\\": "\\e", "-": "\\-"})
PROGRAMS: Final = ("bundler", "product.run")


def escaped(text: str) -> str:
    """Text in which roff sees no request: none at the start of a line, no escape in it."""
    lines = (line.strip() for line in text.translate(_ESCAPES).splitlines())
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)


def page(name: str, root: Any) -> str:
    """The whole page. root: the program's click group."""
    title = (root.help or "").strip().splitlines()[0]
    parts = [f'.TH {name.upper()} 1 "" "bundler" "bundler"', ".SH NAME", f"{name} \\- {escaped(title)}"]
    parts += [".SH SYNOPSIS", f".B {name}", ".I COMMAND", "[OPTIONS]", ".SH COMMANDS"]
    for word, command in sorted(root.commands.items()):
        parts += _command(word, command)
    parts += [".SH EXIT STATUS", "0 when all is done; every other code and error id: ", f".B {name} explain"]
    return "\n".join(parts) + "\n"


def _command(word: str, command: Any) -> Iterator[str]:
    if getattr(command, "commands", None):
        for inner, each in sorted(command.commands.items()):
            yield from _command(f"{word} {inner}", each)
        return
    arguments = [
        each.metavar or each.name.upper() for each in command.params if each.param_type_name == "argument"
    ]
    yield f".SS {escaped(' '.join([word, *arguments]))}"
    yield escaped((command.help or "").strip())
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden:
            yield ".TP"
            yield f".B {escaped(', '.join(option.opts))}"
            yield escaped(option.help or "")


def groups() -> dict[str, Any]:
    """The click group of each program, by its name."""
    from bundler.builder.cli.app import app as builder  # noqa: PLC0415  (both programs load much)
    from bundler.installer.cli.commands import app as installer  # noqa: PLC0415  (as above)

    return dict(zip(PROGRAMS, map(typer.main.get_command, (builder, installer)), strict=True))


def write(folder: Path) -> list[Path]:
    """The pages' files, made."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, root in groups().items():
        made.append(folder / f"{name}.1")
        made[-1].write_text(page(name, root), encoding="utf-8")
    return made


if __name__ == "__main__":
    write(Path(sys.argv[1]))
