"""An upgrade's floor: three control planes and two workers to the next minor by hand, and by `./new.run`.

Both start from a cluster of the old .run's content, brought up the same way, and take the new content out of
the same file. By hand is byhand/upgrade.sh: the fewest commands, with no snapshot, no check and no way back.
"""

import argparse
import sys
from ipaddress import IPv4Network
from pathlib import Path

from bundler.core.errors import BundlerError
from tests.site import product, ssh
from tests.site.floor import Times, announce, applied, brought_up, on_first, site, table
from tests.site.lifecycle import Say
from tests.site.spec import SiteSpec

_NETWORK = IPv4Network("10.79.211.0/24")


def by_hand(spec: SiteSpec, old: Path, new: Path, control_planes: int, say: Say) -> Times:
    """Bring the old version up by hand, then upgrade by hand; the upgrade's seconds by phase."""
    with site(spec, say):
        brought_up(spec, old, control_planes, say)
        times = on_first(spec, new, "upgrade.sh", control_planes, say)
        return {**times, "page on every node": product.wait_for_pages(spec, product.UPGRADED_PAGES)}


def by_product(spec: SiteSpec, old: Path, new: Path, control_planes: int, say: Say) -> tuple[Times, float]:
    """Bring the old version up with its .run, then `./new.run`: the upgrade's seconds by phase, and in all.

    Raises BundlerError (STEP) when a run fails.
    """
    with site(spec, say):
        product.carry(spec, old, control_planes=control_planes)
        ssh.put(spec, spec.machines[0], [new], "/root/")
        applied(spec, old.name, say)
        return applied(spec, new.name, say, product.UPGRADED_PAGES)


def main(arguments: list[str]) -> int:
    """Make both files if they are not there, time both ways, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.site.floor_upgrade", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("dist/upgrade"), help="for both files")
    parser.add_argument("--control-planes", type=int, default=3, help="how many machines are control planes")
    parser.add_argument("--workers", type=int, default=2, help="how many machines are workers")
    options = parser.parse_args(arguments)
    controls = options.control_planes
    spec = SiteSpec("floorup", _NETWORK, controls + options.workers)
    old, new = options.folder / "old.run", options.folder / "new.run"
    try:
        if not (old.exists() and new.exists()):
            product.make_minors(old, new)
        hand = by_hand(spec, old, new, controls, announce)
        run, took = by_product(spec, old, new, controls, announce)
    except BundlerError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.code)
    announce("\n" + table(hand, run, took, new.name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
