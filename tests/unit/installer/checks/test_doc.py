"""docs/checks.md says what the code does."""

from bundler.installer.checks.catalogue import CHECKS
from tests.checks_doc import PAGE, page


def test_every_check_and_limit_stands_in_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "write it: python -m tests.checks_doc"
    assert {check.id for check in CHECKS if f"| `{check.id}`" not in text} == set()
