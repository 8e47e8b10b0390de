"""The texts of templates/site: shell scripts, given their variables in front, and files made with Jinja.

Scripts take no values into their text: values stand as quoted assignments before an unchanged body, so the
body can be checked by shellcheck and no value can become code.
"""

import shlex
import sys
from functools import cache
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


def script(*names: str, **variables: str) -> str:
    """Scripts joined, with their variables set in front."""
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    return assignments + "".join(load(name) for name in names)


@cache
def render(name: str, **values: str | bool | tuple[object, ...]) -> str:
    """A file made from `name`. Raises jinja2.UndefinedError for a value that is missing."""
    return _environment().from_string(load(name)).render(values)


@cache
def _environment() -> Environment:
    # Nothing rendered here is HTML: escaping would damage it.
    return Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701
