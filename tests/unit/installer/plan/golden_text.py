"""Whole plans as text files that people read; `BUNDLER_WRITE_GOLDEN=1` writes them anew."""

import os
from collections.abc import Iterable
from pathlib import Path

from bundler.installer.cli.show import plan_in_order
from bundler.installer.plan.steps import Plan

FOLDER = Path(__file__).parent / "golden_plans"


def check(name: str, plan: Plan) -> None:
    """The plan's steps, with what each one waits for, are those of the file."""
    check_all(name, (plan,))


def check_all(name: str, plans: Iterable[Plan]) -> None:
    """The same for plans that come one after the other."""
    text = "\n".join(map(_text, plans))
    path = FOLDER / f"{name}.txt"
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _text(plan: Plan) -> str:
    waits = "".join(f"{step.id} <- {' '.join(step.after) or '-'}\n" for step in plan.steps)
    return f"{plan_in_order(plan)}\n\n{waits}"
