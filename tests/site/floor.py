"""The physical floor: the demo's cluster brought up by hand with the fewest commands, beside `./demo.run`.

Both get the same content out of the same .run, on freshly booted machines of the same kind, from node-1.
Prints a table in Markdown. What is done by hand stands in byhand/: read it to judge whether it is fair.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, product, ssh
from tests.site.handmade import lay_out
from tests.site.identity import Identity
from tests.site.lifecycle import Say
from tests.site.spec import SiteSpec

_SPEC = SiteSpec("floor", IPv4Network("10.79.210.0/24"), 2)

Times = Mapping[str, float]  # phase -> seconds, in order


def by_hand(spec: SiteSpec, run_file: Path, control_planes: int, say: Say) -> Times:
    """Bring the cluster up by hand; seconds by phase."""
    with site(spec, say):
        times = brought_up(spec, run_file, control_planes, say)
        return {**times, "page on every node": product.wait_for_pages(spec)}


def brought_up(spec: SiteSpec, run_file: Path, control_planes: int, say: Say) -> Times:
    """The cluster by hand on machines that are booted: up.sh on the first, and what it said it took."""
    first = spec.machines[0]
    identity = Identity(spec.run_dir)
    ssh.put(spec, first, [identity.key], "/root/")
    ssh.put(spec, first, [identity.known_hosts], "/root/.ssh/")
    return on_first(spec, run_file, "up.sh", control_planes, say)


def on_first(spec: SiteSpec, run_file: Path, script: str, control_planes: int, say: Say) -> Times:
    """Carry what is in the .run to the first machine as a folder of its own and run byhand/SCRIPT there."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        folder = Path(scratch) / f"byhand-{script.removesuffix('.sh')}"
        lay_out(spec, run_file, folder, Path(scratch))
        ssh.put(spec, spec.machines[0], [folder], "/root/")
        say(f"By hand: sh {folder.name}/{script} on node-1 …")
        others = " ".join(str(machine.address) for machine in spec.machines[1:control_planes])
        workers = " ".join(str(machine.address) for machine in spec.machines[control_planes:])
        command = f"sh /root/{folder.name}/{script} '{others}' {workers}"
        return parse_phases(ssh.on(spec, spec.machines[0], command, timeout=3600))


def by_product(spec: SiteSpec, run_file: Path, control_planes: int, say: Say) -> tuple[Times, float]:
    """Bring it up with the .run: seconds by phase as its report has them, and in all.

    Raises BundlerError (STEP) when the run fails.
    """
    with site(spec, say):
        product.carry(spec, run_file, control_planes=control_planes)
        return applied(spec, run_file.name, say)


def applied(
    spec: SiteSpec, name: str, say: Say, pages: Mapping[int, str] = product.PAGES
) -> tuple[Times, float]:
    """`./NAME --clusterfile site.yaml` on node-1: seconds by phase as its report has them, and in all.

    Raises BundlerError (STEP) when the run fails.
    """
    say(f"./{name} on node-1 …")
    began = time.monotonic()
    done = product.run(spec, "--clusterfile site.yaml --report report.json", name=name, timeout=3600)
    if done.returncode:
        raise BundlerError("the .run failed", code=ExitCode.STEP, why=done.stderr[-3000:])
    page = product.wait_for_pages(spec, pages)
    took = time.monotonic() - began
    report = json.loads(ssh.on(spec, spec.machines[0], "cat /root/report.json"))
    phases = {phase: float(seconds) for phase, seconds in report["phases"].items()}
    return {**phases, "page on every node": page}, took


def parse_phases(text: str) -> dict[str, float]:
    """The lines `phase NAME SECONDS` of up.sh; a name may hold spaces."""
    lines = (line for line in text.splitlines() if line.startswith("phase "))
    rows = (line.removeprefix("phase ").rsplit(" ", 1) for line in lines)
    return {name: float(seconds) for name, seconds in rows}


def table(hand: Times, run: Times, took: float, name: str = "demo.run") -> str:
    """Both side by side, in Markdown. The phases differ, so each has its own columns."""
    floor = sum(hand.values())
    width = max(len(hand), len(run))
    left, right = list(hand.items()), list(run.items())
    left += [("", 0.0)] * (width - len(left))
    right += [("", 0.0)] * (width - len(right))
    lines = [f"| by hand | s | ./{name} (phases overlap) | s |", "|---|---:|---|---:|"]
    lines += [
        f"| {a} | {_number(a, x)} | {b} | {_number(b, y)} |"
        for (a, x), (b, y) in zip(left, right, strict=True)
    ]
    lines.append(f"| **in all** | **{floor:.1f}** | {took / floor:.2f} times by hand | **{took:.1f}** |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Make the .run if it is not there, time both, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.site.floor", description=__doc__)
    parser.add_argument("run_file", type=Path, nargs="?", default=Path("dist/demo.run"))
    parser.add_argument("--control-planes", type=int, default=1, help="how many machines are control planes")
    parser.add_argument("--workers", type=int, default=1, help="how many machines are workers")
    options = parser.parse_args(arguments)
    spec, controls = replace(_SPEC, count=options.control_planes + options.workers), options.control_planes
    try:
        if not options.run_file.exists():
            product.make(options.run_file)
        hand = by_hand(spec, options.run_file, controls, announce)
        run, took = by_product(spec, options.run_file, controls, announce)
    except BundlerError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.code)
    announce("\n" + table(hand, run, took))
    return 0


@contextmanager
def site(spec: SiteSpec, say: Say) -> Iterator[None]:
    """Machines that are booted, and taken down whatever happens."""
    lifecycle.up(spec, say)
    try:
        yield
    finally:
        lifecycle.down(spec.name, say)


def announce(text: str) -> None:
    """A line for whoever waits for the table."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _number(name: str, seconds: float) -> str:
    return f"{seconds:.1f}" if name else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
