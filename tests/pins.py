"""`python -m tests.pins`: note the scripts' digests beside their revisions; `--raise NAME…` raises revisions.

After a script was changed: raise its revision when its effect on a host has changed, so that hosts get it
again; call this without a name when the effect is the same (a comment, a message).
"""

import hashlib
import sys
from pathlib import Path

from bundler.installer.scripts.render import folder

HEAD = (
    "# NAME REVISION DIGEST: see bundler/installer/scripts/render.py; rewritten by `python -m tests.pins`.\n"
)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def pins(text: str) -> dict[str, tuple[int, str]]:
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {name: (int(revision), found) for name, revision, found in rows}


def scripts() -> list[Path]:
    return sorted(folder().glob("*.sh"))


def main(raised: list[str]) -> None:
    path = folder() / "revisions"
    known = pins(path.read_text()) if path.exists() else {}
    lines = [
        f"{each.name} {known.get(each.name, (1, ''))[0] + (each.name in raised)} {digest(each)}\n"
        for each in scripts()
    ]
    path.write_text(HEAD + "".join(lines))


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if not name.startswith("--")])
