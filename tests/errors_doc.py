"""Write docs/errors.md out of what the programs say: `python -m tests.errors_doc`."""

from pathlib import Path

from bundler.core.explain import page

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
