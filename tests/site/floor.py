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
from ipaddress import IPv4Network
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, product, ssh
from tests.site.handmade import lay_out
from tests.site.identity import Identity
from tests.site.lifecycle import Say
from tests.site.spec import Machine, SiteSpec

_SPEC = SiteSpec("floor", IPv4Network("10.79.210.0/24"), 2)

Times = Mapping[str, float]  # phase -> seconds, in order


def by_hand(spec: SiteSpec, run_file: Path, say: Say) -> Times:
    """Bring the cluster up by hand; seconds by phase."""
    with _site(spec, say), tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        folder = Path(scratch) / "byhand"
        lay_out(spec, run_file, folder, Path(scratch))
        first, workers = spec.machines[0], spec.machines[1:]
        ssh.put(spec, first, [folder], "/root/")
        _let_in(spec, first)
        say("By hand: sh byhand/up.sh on node-1 …")
        addresses = " ".join(str(worker.address) for worker in workers)
        answer = ssh.on(spec, first, f"sh /root/byhand/up.sh {addresses}", timeout=600)
        return {**parse_phases(answer), "page on every node": product.wait_for_pages(spec)}


def by_product(spec: SiteSpec, run_file: Path, say: Say) -> tuple[Times, float]:
    """Bring it up with the .run: seconds by phase as its report has them, and in all.

    Raises BundlerError (STEP) when the run fails.
    """
    with _site(spec, say):
        product.carry(spec, run_file)
        say(f"./{run_file.name} on node-1 …")
        began = time.monotonic()
        done = product.run(spec, "--clusterfile site.yaml --report report.json", name=run_file.name)
        if done.returncode:
            raise BundlerError("the .run failed", code=ExitCode.STEP, why=done.stderr[-3000:])
        pages = product.wait_for_pages(spec)
        took = time.monotonic() - began
        report = json.loads(ssh.on(spec, spec.machines[0], "cat /root/report.json"))
        phases = {name: float(seconds) for name, seconds in report["phases"].items()}
        return {**phases, "page on every node": pages}, took


def parse_phases(text: str) -> dict[str, float]:
    """The lines `phase NAME SECONDS` of up.sh; a name may hold spaces."""
    lines = (line for line in text.splitlines() if line.startswith("phase "))
    rows = (line.removeprefix("phase ").rsplit(" ", 1) for line in lines)
    return {name: float(seconds) for name, seconds in rows}


def table(hand: Times, run: Times, took: float) -> str:
    """Both side by side, in Markdown. The phases differ, so each has its own columns."""
    floor = sum(hand.values())
    width = max(len(hand), len(run))
    left, right = list(hand.items()), list(run.items())
    left += [("", 0.0)] * (width - len(left))
    right += [("", 0.0)] * (width - len(right))
    lines = ["| by hand | s | ./demo.run (phases overlap) | s |", "|---|---:|---|---:|"]
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
    options = parser.parse_args(arguments)
    try:
        if not options.run_file.exists():
            product.make(options.run_file)
        hand = by_hand(_SPEC, options.run_file, _say)
        run, took = by_product(_SPEC, options.run_file, _say)
    except BundlerError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.code)
    _say("\n" + table(hand, run, took))
    return 0


@contextmanager
def _site(spec: SiteSpec, say: Say) -> Iterator[None]:
    lifecycle.up(spec, say)
    try:
        yield
    finally:
        lifecycle.down(spec.name, say)


def _let_in(spec: SiteSpec, machine: Machine) -> None:
    """Give the first machine the engineer's key, as the product gets it."""
    identity = Identity(spec.run_dir)
    ssh.put(spec, machine, [identity.key], "/root/")
    ssh.put(spec, machine, [identity.known_hosts], "/root/.ssh/")


def _number(name: str, seconds: float) -> str:
    return f"{seconds:.1f}" if name else ""


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
