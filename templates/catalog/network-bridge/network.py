#!/usr/bin/env python3
"""Compose the image of the pod network's agent: its script, a shell, iptables, and the kubectl in bin/.

network.py LAYOUT
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from debian_layers import Layers, place
from oci_layout import Image, Layout
from shared import RefusedError, architecture, finish, say

HERE = Path(__file__).parent
NAME = "bundler.local/cni-bridge:2"


def compose(layout: Path) -> None:
    """Write the image. Raises RefusedError, OSError."""
    with tempfile.TemporaryDirectory() as scratch:
        layers = Layers.fetch(Path(scratch))
        agent = layers.scratch / "agent"
        place(HERE / "cni-bridge.sh", agent / "usr/bin/cni-bridge")
        kubectl = layers.program(Path("bin/kubectl"), "usr/bin")
        stack = (layers.libc(), layers.firewall(), layers.busybox(), kubectl, agent)
        image = Image(NAME, stack, ("/usr/bin/cni-bridge",))
        say(f"{NAME} {Layout(layout, 'linux', architecture()).add(image)}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [layout]:
            compose(Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
