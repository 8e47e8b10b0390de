#!/usr/bin/env python3
"""Compile the provisioner and compose its image, which is also that of the pods that make the folders.

compose.py LAYOUT
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from debian_root import base
from go_build import Program, build, module_version
from oci_layout import Image, Layout
from shared import RefusedError, architecture, finish, say

MODULE = Path(__file__).resolve().parent / "modules/local-path-provisioner"
PATH = "github.com/rancher/local-path-provisioner"


def compose(layout: Path) -> None:
    """Write the image. Raises RefusedError, OSError."""
    version = module_version(MODULE, PATH)
    with tempfile.TemporaryDirectory() as scratch:
        folder, lowest = Path(scratch) / "program", Path(scratch) / "base"
        program = Program("local-path-provisioner", MODULE, PATH, 60, (("main.VERSION", version),))
        build([program], folder / "usr/bin")
        lowest.mkdir()
        base("bookworm", lowest)
        name = f"bundler.local/local-path-provisioner:{version}"
        say(f"{name} {Layout(layout, 'linux', architecture()).add(Image(name, (lowest, folder)))}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [layout]:
            compose(Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
