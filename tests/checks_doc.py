"""Write docs/checks.md's table out of the catalogue: `python -m tests.checks_doc`."""

from pathlib import Path
from typing import Final

from bundler.installer.checks.catalogue import CHECKS
from bundler.installer.checks.model import Area, Check
from bundler.installer.plan.limits import DEFAULT_LIMITS, names, shown

PAGE: Final = Path(__file__).parent.parent / "docs" / "checks.md"
MARK: Final = "<!-- The rest is written by `python -m tests.checks_doc`. -->\n"


def tables() -> str:
    """All checks by area, and all limits."""
    parts = [_area(area) for area in Area if area is not Area.VENDOR]
    limits = "\n".join(
        f"| `{name}` | {shown(DEFAULT_LIMITS, name.replace('-', '_'))} |" for name in sorted(names())
    )
    return "\n".join([*parts, f"## Limits\n\n| limit | default |\n|---|---|\n{limits}\n"])


def _area(area: Area) -> str:
    rows = "\n".join(_row(check) for check in CHECKS if check.area is area)
    head = "| id | severity | what is well | limit | why | what to do |\n|---|---|---|---|---|---|"
    return f"## {area.value.capitalize()}\n\n{head}\n{rows}\n"


def _row(check: Check) -> str:
    marks = f"{' ¹' if check.required else ''}{' ²' if check.strict else ''}{' ³' if check.fix_by else ''}"
    limit = check.limit(DEFAULT_LIMITS)
    cells = (f"`{check.id}`{marks}", check.severity.value, check.title, limit, check.reason, check.fix)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def page() -> str:
    """The page with its tables as they should be."""
    head, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    return f"{head}{MARK}\n{tables()}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
