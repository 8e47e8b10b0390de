"""Seconds until each block of a bundle is ready: three machines, one command, and what its report says.

`python -m tests.site.block_times NAME...` makes one .run of entries of the catalogue and prints a row for
each app. They are `seconds` in entry.yaml.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bundler.core.errors import BundlerError, ExitCode
from tests.site import product, ssh
from tests.site.floor import announce, site
from tests.site.spec import SiteSpec

_SPEC = SiteSpec("blocktimes", IPv4Network("10.79.213.0/24"), 3)
_STEP = re.compile(r".*/(?:apply|ready|helm|note)-(?P<app>[^/]+)")


def until_ready(steps: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """App -> seconds from the beginning of its first step to the end of its last, of a report's `steps`."""
    spans: dict[str, tuple[float, float]] = {}
    for step in steps:
        if found := _STEP.fullmatch(step["id"]):
            began, ended = step["start"], step["start"] + step["seconds"]
            first, last = spans.get(found["app"], (began, ended))
            spans[found["app"]] = min(first, began), max(last, ended)
    return {app: last - first for app, (first, last) in spans.items()}


def main(arguments: list[str]) -> int:
    """Make the .run, bring it up, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.site.block_times", description=__doc__)
    parser.add_argument("names", nargs="+", help="entries of the catalogue, the base first")
    parser.add_argument("--control-planes", type=int, default=1, help="how many machines are control planes")
    options = parser.parse_args(arguments)
    try:
        with TemporaryDirectory(dir="/var/tmp") as folder:
            run_file = Path(folder) / "blocks.run"
            product.make_of(run_file, *options.names, quiet=True)
            steps = _steps(run_file, options.control_planes)
    except BundlerError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.code)
    announce("| app | seconds |\n|---|---:|")
    for app, seconds in until_ready(steps).items():
        announce(f"| {app} | {seconds:.0f} |")
    return 0


def _steps(run_file: Path, control_planes: int) -> list[dict[str, Any]]:
    """Bring it up on machines of its own. Raises BundlerError (STEP) when the run fails."""
    with site(_SPEC, announce):
        product.carry(_SPEC, run_file, control_planes=control_planes)
        words = "--clusterfile site.yaml --report report.json"
        done = product.run(_SPEC, words, name=run_file.name, timeout=1500)
        if done.returncode:
            raise BundlerError("the .run failed", code=ExitCode.STEP, why=done.stderr[-3000:])
        report = json.loads(ssh.on(_SPEC, _SPEC.machines[0], "cat /root/report.json"))
        return list(report["steps"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
