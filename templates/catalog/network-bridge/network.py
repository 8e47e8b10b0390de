#!/usr/bin/env python3
"""Compose the image of the pod network's agent: its script, a shell, iptables, and the kubectl in bin/.

network.py LAYOUT
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from debian_layers import Layers, place
from go_build import Program, build
from oci_layout import Image, Layout
from shared import RefusedError, architecture, finish, say

HERE = Path(__file__).resolve().parent
NAME = "bundler.local/cni-bridge:2"


NODES = Program("nodes", HERE / "modules/nodes", ".", 10, sources=(HERE / "nodes.go",))


def compose(layout: Path, *, kubectl: bool) -> None:
    """Write the image. Raises RefusedError, OSError."""
    with tempfile.TemporaryDirectory() as scratch:
        layers = Layers.fetch(Path(scratch))
        agent = layers.scratch / "agent"
        place(HERE / "cni-bridge.sh", agent / "usr/bin/cni-bridge")
        if kubectl:
            place(HERE / "nodes.sh", agent / "usr/bin/nodes")
            lister = layers.program(Path("bin/kubectl"), "usr/bin")
        else:
            build([NODES], layers.scratch / "programs")
            lister = layers.program(layers.scratch / "programs/nodes", "usr/bin")
        stack = (layers.libc(), layers.firewall(), layers.busybox(), lister, agent)
        image = Image(NAME, stack, ("/usr/bin/cni-bridge",))
        say(f"{NAME} {Layout(layout, 'linux', architecture()).add(image)}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [layout]:
            compose(Path(layout), kubectl=False)
        case [layout, "kubectl"]:
            compose(Path(layout), kubectl=True)
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
