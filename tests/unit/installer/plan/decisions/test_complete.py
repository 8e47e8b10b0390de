"""The decisions of a site are numbered; each number has its table."""

import ast
import re
from pathlib import Path

SITUATIONS = 72
HERE = Path(__file__).parent


def test_every_situation_has_a_test_that_names_it() -> None:
    named: set[int] = set()
    for source in HERE.glob("test_*.py"):
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                numbers = re.match(r"test_((?:\d+_)+)", node.name)
                named.update(int(each) for each in (numbers[1].split("_") if numbers else ()) if each)
    assert sorted(set(range(1, SITUATIONS + 1)) - named) == []
