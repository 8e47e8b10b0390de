"""What can befall single machines, as commands: `power off`, `cut`, `fill`, `slow`, and their opposites."""

import argparse
from collections.abc import Callable

from bundler.core.errors import BundlerError, ExitCode
from tests.site import amounts, disk, link, power
from tests.site.groups import Groups, host_groups
from tests.site.lifecycle import load
from tests.site.spec import Machine, SiteSpec
from tests.site.tree import tree_of
from tests.site.undo import lock

Add = Callable[[str, str], argparse.ArgumentParser]  # name, help -> the parser of a new command


def add(command: Add) -> None:
    """Put these commands into the command line."""
    plug = command("power", "pull the plug of machines, or put it in again and boot from their disks")
    plug.add_argument("state", choices=("off", "on"))
    _machines(plug)
    _machines(command("cut", "pull the network cable of machines"))
    _machines(command("mend", "plug it in again"))
    full = command("fill", "fill the disk of machines; costs this host nothing")
    full.add_argument("--leave", type=amounts.left, default="0", help="free space to leave: 500M, 2G or 10%%")
    _machines(full)
    _machines(command("free", "give back what fill took"))
    slow = command("slow", "make the network of machines slow or lossy, both ways")
    slow.add_argument("--rate", type=amounts.rate, help="as in 10mbit")
    slow.add_argument(
        "--loss", type=amounts.percent, default=0.0, help="packets dropped at random, as in 1%%"
    )
    _machines(slow)
    _machines(command("restore", "take back what slow did"))


def do(options: argparse.Namespace) -> None:
    """Do one of these commands to each machine that it names."""
    spec, groups = load(options.name), host_groups()
    chosen = [spec.machine(name) for name in options.machines]
    with lock(spec.run_dir, shared=True):
        for machine in chosen:
            _do(options, spec, machine, groups)


def _do(options: argparse.Namespace, spec: SiteSpec, machine: Machine, groups: Groups) -> None:
    match options.command:
        case "power" if options.state == "off":
            power.off(spec, machine, groups)
        case "power":
            power.on(spec, machine, groups)
        case "cut":
            link.cut(spec, machine)
        case "mend":
            link.mend(spec, machine)
        case "fill":
            where = tree_of(spec, machine).disk
            disk.fill(where, options.leave(disk.size(where)))
        case "free":
            disk.free(tree_of(spec, machine).disk)
        case "slow":
            if not options.rate and not options.loss:
                raise BundlerError(
                    "slow: neither a rate nor a loss", code=ExitCode.USAGE, fix="--rate 10mbit"
                )
            link.slow(spec, machine, groups, options.rate, options.loss)
        case "restore":
            link.restore(spec, machine, groups)


def _machines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("machines", nargs="+", metavar="machine", help="name, number or address")
