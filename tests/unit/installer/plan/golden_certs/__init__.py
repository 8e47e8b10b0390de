"""Plans of the certificates' and of settings' operations; `BUNDLER_WRITE_GOLDEN=1` writes them anew."""

import os
from collections.abc import Iterable
from pathlib import Path

from bundler.installer.plan.order import arrange
from bundler.installer.plan.steps import Step

FOLDER = Path(__file__).parent


def check(name: str, steps: Iterable[Step]) -> None:
    """The steps, on which host and why, and what each one waits for, are those of the file."""
    plan = arrange(name, steps)
    lines = (
        f"{type(step).__name__:8}{step.id}\n    on {step.host}: {step.reason}\n"
        f"    after {' '.join(step.after) or 'nothing'}\n"
        for step in plan.steps
    )
    text, path = "".join(lines), FOLDER / f"{name}.txt"
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
