#!/usr/bin/env python3
"""Compile flannel and compose its image: the daemon and iptables.

network.py LAYOUT
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from debian_layers import Layers
from go_build import Program, build, module_version
from oci_layout import Image, Layout
from shared import RefusedError, architecture, finish, say

HERE = Path(__file__).resolve().parent
MODULE = HERE / "modules/flannel"
SOURCE = HERE / "src/flannel/main.go"


def compose(layout: Path) -> None:
    """Write the image. Raises RefusedError, OSError."""
    name = f"bundler.local/flannel:{module_version(MODULE, 'github.com/flannel-io/flannel')}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "programs"
        build([Program("flanneld", MODULE, ".", 90, sources=(SOURCE,))], folder)
        layers = Layers.fetch(Path(scratch))
        stack = (layers.libc(), layers.firewall(), layers.program(folder / "flanneld", "usr/bin"))
        image = Image(name, stack, ("/usr/bin/flanneld",))
        say(f"{name} {Layout(layout, 'linux', architecture()).add(image)}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [layout] | [layout, "kubectl"]:  # it needs no other program, but Go in any case
            compose(Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
