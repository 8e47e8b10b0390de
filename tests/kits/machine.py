"""A host's file tree in a folder, on which the scripts of templates/site run under a real shell."""

import os
import subprocess
from pathlib import Path

from bundler.installer.scripts import render as templates


class Machine:
    """A folder that stands for a host's root; calls of programs that act on a host are recorded."""

    def __init__(self, root: Path) -> None:
        self.root = root / "root"
        self.state = self.root / "var/lib/bundler"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "var/lib").mkdir(parents=True)
        self.bin = root / "bin"
        self.bin.mkdir()
        for name in ("systemctl", "dpkg", "dpkg-query"):
            program = self.bin / name
            program.write_text(f'#!/bin/sh\necho "{name} $*" >>{root}/calls\n[ "$1" != is-active ]\n')
            program.chmod(0o755)
        self.calls = root / "calls"

    def run(self, script: str, stdin: str = "") -> str:
        text = f"{templates.load('ledger.sh')}\n{script}".replace("/var/lib/bundler", str(self.state))
        done = subprocess.run(
            ["sh", "-s", "--"],
            input=f"(\n:\n{text}\n) <<'STDIN'\n{stdin}STDIN\n",
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "ROOT": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ledger(self) -> list[list[str]]:
        return [line.split("\t") for line in (self.state / "ledger").read_text().splitlines()]

    def picture(self) -> dict[str, tuple[int, bytes | bool]]:
        """Every path outside our state, with mode and content."""
        return {
            str(path.relative_to(self.root)): (
                path.stat().st_mode,
                path.read_bytes() if path.is_file() else b"",
            )
            for path in sorted(self.root.rglob("*"))
            if self.state not in path.parents and path != self.state
        }
