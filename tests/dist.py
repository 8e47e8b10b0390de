"""`make dist`: the wheel with all that a checkout has beside the package, into dist/.

Setuptools takes data files folder by folder; the list is made here, in a copy of what git tracks.
"""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

from tests.manpages import write

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ("templates", "stubs")
MAN: Final = "share/man/man1"
SHARE: Final = "share/bundler"  # below the prefix; see bundler/builder/runtime/resources.py


def tracked(root: Path) -> list[str]:
    """Paths of the files that git has, below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "bundler", *DATA, "pyproject.toml", "README.md", "LICENSE", "NOTICE"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


def data_files(names: list[str]) -> str:
    """The table for pyproject.toml: where each folder's files go."""
    folders = defaultdict(list)
    for name in names:
        if name.split("/")[0] in DATA:
            folders[str(Path(name).parent)].append(name)
    rows = (
        f"{json.dumps(f'{SHARE}/{folder}')} = {json.dumps(files)}"
        for folder, files in sorted(folders.items())
    )
    return "\n[tool.setuptools.data-files]\n" + "\n".join(rows) + "\n"


def build(root: Path, copy: Path, target: Path) -> Path:
    """The wheel. copy: a folder for the sources, made anew."""
    shutil.rmtree(copy, ignore_errors=True)
    names = tracked(root)
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, copy / name)
    pages = [str(page.relative_to(copy)) for page in write(copy / "man")]
    with (copy / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"{data_files(names)}{json.dumps(MAN)} = {json.dumps(pages)}\n")
    target.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", target, copy], check=True, timeout=600)
    return max(target.glob("bundler-*.whl"), key=lambda wheel: wheel.stat().st_mtime)


if __name__ == "__main__":
    sys.stdout.write(f"{build(ROOT, ROOT / 'build' / 'dist', ROOT / 'dist').relative_to(ROOT)}\n")
