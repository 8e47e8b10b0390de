"""No message says "1 hosts": counts of what there may be one of are made by `counted`."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOUNS = (
    *("hosts", "steps", "nodes", "pods", "files", "images", "apps", "workers", "members", "days", "problems"),
    *("objects", "checks", "stages", "blobs", "control planes", "volumes", "snapshots", "certificates"),
    *("products", "charts", "packages", "keys", "platforms", "errors", "warnings", "commands", "entries"),
)
FOLLOWS = re.compile(rf" (?:{'|'.join(NOUNS)})\b")
# What can't be one: a second host of the same name or id, an even number of control planes, those left when
# one has been told by name, and limits, which are large.
NEVER_ONE = (
    *("{len(hosts)} hosts have {", "{number} hosts have one machine id", "{number} hosts are called {"),
    *("{count} control planes", "{number} control planes survive", "{control_planes} control planes: etcd"),
    *(
        "{self.voters} members",
        "{voters} members are left",
        "{addresses.MOST:,} hosts",
        "means {count} hosts",
    ),
    "{more} pods{",
)


def shown(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ""


def plurals(path: Path, root: Path = ROOT) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            is_number = isinstance(value, ast.FormattedValue) and "counted" not in ast.unparse(value)
            if is_number and isinstance(text, ast.Constant) and FOLLOWS.match(str(text.value)):
                found.append(f"{path.relative_to(root)}:{node.lineno} {''.join(map(shown, node.values))}")
    return found


def test_no_message_says_one_hosts() -> None:
    files = [*(ROOT / "bundler/installer").rglob("*.py"), ROOT / "bundler/core/archive/text.py"]
    known = [re.sub(r":,?\}", "}", text) for text in NEVER_ONE]
    found = [each for path in files for each in plurals(path) if not any(text in each for text in known)]
    assert found == []
    assert len(files) > 300


def test_a_count_that_may_be_one_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "x.py"
    wrong.write_text('f"connecting to {len(site)} hosts"\nf"{counted(n, x)} hosts"\nf"{n} bytes"\n')
    assert plurals(wrong, tmp_path) == ["x.py:1 connecting to {len(site)} hosts"]
