"""The texts of templates/site: shell scripts, given their variables in front, and files made with Jinja.

Scripts take no values into their text: values stand as quoted assignments before an unchanged body, so the
body can be checked by shellcheck and no value can become code.
"""

import hashlib
import shlex
import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined


def folder() -> Path:
    """Where the texts lie: inside the frozen program, or in the checkout."""
    frozen = getattr(sys, "_MEIPASS", None)
    root = Path(frozen) if frozen else Path(__file__).resolve().parents[3]
    return root / "templates" / "site"


@cache
def load(name: str) -> str:
    """One text as it stands."""
    return (folder() / name).read_text(encoding="utf-8")


class Script(str):
    """A shell text that knows what it was made of, so that a comment in it changes no plan."""

    names: tuple[str, ...]
    variables: Mapping[str, str]

    __slots__ = ("names", "variables")

    def __add__(self, other: str) -> "Script":
        """More text behind it, which counts as an input."""
        text = Script(str.__add__(self, other))
        text.names = self.names
        text.variables = {**self.variables, "then": hashlib.sha256(other.encode()).hexdigest()[:16]}
        return text

    def __radd__(self, other: str) -> "Script":
        """Functions for it in front, which are no inputs."""
        text = Script(str.__add__(other, self))
        text.names, text.variables = self.names, self.variables
        return text


def script(*names: str, **variables: str) -> Script:
    """Scripts joined, with their variables set in front."""
    return _script(names, tuple(sorted(variables.items())))


@lru_cache(maxsize=4096)  # thousands of hosts run the same ones; what is of one host alone passes through
def _script(names: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> Script:
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables)
    text = Script(assignments + _joined(names))
    text.names, text.variables = names, dict(variables)
    return text


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "".join(load(name) for name in names)


def function(name: str, body: str) -> str:
    """A shell function with this body, which may be empty."""
    return f"{name}() {{\n:\n{body}\n}}\n"


@cache
def revisions() -> Mapping[str, int]:
    """The revision of every script: raised when its effect changes, so that hosts get it again.

    A line of `revisions` is NAME REVISION DIGEST; a test holds each digest against the script, so that nobody
    changes a script without saying which of the two it is.
    """
    rows = (line.split() for line in load("revisions").splitlines() if line and not line.startswith("#"))
    return {name: int(revision) for name, revision, _ in rows}


def revision(text: str) -> int:
    """How often the effect of this script has changed: all its parts count."""
    return _revision(text.names) if isinstance(text, Script) else 1


@cache
def _revision(names: tuple[str, ...]) -> int:
    known = revisions()
    return 1 + sum(known.get(name, 1) - 1 for name in names)


@cache
def render(name: str, **values: str | bool | tuple[object, ...]) -> str:
    """A file made from `name`. Raises jinja2.UndefinedError for a value that is missing."""
    return _environment().from_string(load(name)).render(values)


@cache
def _environment() -> Environment:
    # Nothing rendered here is HTML: escaping would damage it.
    return Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701
