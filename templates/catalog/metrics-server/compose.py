#!/usr/bin/env python3
"""Compile metrics-server and compose its image.

compose.py LAYOUT
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from go_build import Program, build, module_version
from oci_layout import Image, Layout
from shared import RefusedError, architecture, finish, say

MODULE = Path(__file__).resolve().parent / "modules/metrics-server"
PATH = "sigs.k8s.io/metrics-server"


def compose(layout: Path) -> None:
    """Write the image. Raises RefusedError, OSError."""
    version = module_version(MODULE, PATH)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "program"
        told = ((f"{PATH}/pkg/version.gitVersion", version),)
        build([Program("metrics-server", MODULE, f"{PATH}/cmd/metrics-server", 190, told)], folder)
        name = f"bundler.local/metrics-server:{version}"
        image = Image(name, (folder,), ("/metrics-server",))
        say(f"{name} {Layout(layout, 'linux', architecture()).add(image)}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [layout]:
            compose(Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
