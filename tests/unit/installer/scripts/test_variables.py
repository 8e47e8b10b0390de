"""Whoever asks for a script gives it every variable that it reads: under `set -u` a missing one ends it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bundler
from bundler.installer.scripts.render import folder

SOURCES = sorted(Path(bundler.__file__).parent.joinpath("installer").rglob("*.py"))
_USED = re.compile(r"\$\{?([a-z][a-z_]+)(?=[^a-z_:\-+=?]|$)", re.MULTILINE)  # ${name:-…} has a default
_SET = re.compile(
    r"(?:^|[\s;({&|])([a-z][a-z_]*)=|\bfor ([a-z][a-z_]*) in|\bread (?:-r )?([a-z_ ]+)|local ([a-z_ ]+)"
)
_OPTIONAL = re.compile(r"\$\{([a-z][a-z_]+):?[-+]")  # a script that asks whether it was given one
FROM_THE_RUN = {"lock_folder"}  # guard.sh, which stands in front of every step
NO_CALLS = {"load", "Tools"}  # a text as it stands, and a table of names
_QUOTED = re.compile(r"'[^']*'|^\s*#.*$|\s#\s.*$|\\\$", re.MULTILINE)


def needed(text: str) -> set[str]:
    """Variables that a script reads and does not set."""
    bare = _QUOTED.sub(" ", text)
    made = {name for groups in _SET.findall(bare) for group in groups for name in group.split()}
    return set(_USED.findall(bare)) - made - set(_OPTIONAL.findall(bare)) - FROM_THE_RUN


def calls() -> Iterator[tuple[str, tuple[str, ...], set[str]]]:
    """Every call that names scripts: its place, the scripts, the names that it gives; none with `**`."""
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if ".sh" in text else ():
            if not isinstance(node, ast.Call) or any(word.arg is None for word in node.keywords):
                continue
            if getattr(node.func, "attr", getattr(node.func, "id", "")) in NO_CALLS:
                continue
            words = [each.value for each in node.args if isinstance(each, ast.Constant)]
            names = tuple(
                word for word in words if isinstance(word, str) and word.endswith(".sh") and word != ".sh"
            )
            given = {word.arg for word in node.keywords if word.arg}
            starred = any(isinstance(each, ast.Starred) for each in node.args)
            if names and not starred:
                yield f"{source.name}:{node.lineno}", names, given


CALLS = tuple(calls())


def test_the_calls_are_found() -> None:
    assert len(CALLS) > 50


@pytest.mark.parametrize(
    ("place", "names", "given"), CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_variable_is_given(place: str, names: tuple[str, ...], given: set[str]) -> None:
    text = "\n".join((folder() / name).read_text(encoding="utf-8") for name in names)
    if "set -eu" not in text and "set -u" not in text:
        return
    assert needed(text) - given == set(), place
