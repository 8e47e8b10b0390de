"""Measure what deciding costs on a large site, from facts as they were recorded: no host is asked.

    python -m tests.bench.plan [--hosts 3000]

A first install, then the same site with nothing to do, then with one label edited. Times are of one
processor, so that a busy machine counts little; the collector is set as the installer sets it.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from bundler.installer.plan.steps import Plan
from bundler.installer.site.model import Site
from tests.unit.installer.plan import kit

_COLLECTOR = 200_000  # objects, as in bundler.installer.cli.main


def edited(of: Site) -> Site:
    """With a label on the last host."""
    return replace(of, hosts=(*of.hosts[:-1], replace(of.hosts[-1], marks={"disk": "ssd"})))


def timed(what: str, decide: Callable[[], Plan]) -> Plan:
    """The plan, its time told."""
    gc.collect()
    began = time.process_time()
    made = decide()
    seconds = time.process_time() - began
    sys.stdout.write(f"{what:<16} {len(made.steps):>7,} steps  {seconds:6.2f} s\n")
    return made


def main() -> None:
    """Tell the three times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=3000)
    hosts: int = parser.parse_args().hosts
    gc.set_threshold(_COLLECTOR)
    of = kit.site(hosts - 1)
    found = kit.facts(of)
    first = timed("first install", lambda: kit.plan(of, found))
    running = kit.done_all(first, found)
    timed("nothing to do", lambda: kit.plan(of, running))
    timed("one label", lambda: kit.plan(edited(of), running))


if __name__ == "__main__":
    main()
