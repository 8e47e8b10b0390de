"""Pull a machine's plug and put it in again: its disk stays, all its processes are gone at once.

The host's kernel goes on, so what the machine wrote and did not sync is not lost as it would be in a real
power cut.
"""

import time

from bundler.core.errors import BundlerError, ExitCode
from tests.site import link
from tests.site import machine as machines
from tests.site.groups import Groups
from tests.site.spec import Machine, SiteSpec
from tests.site.tree import tree_of
from tests.site.undo import Journal

_PORT_LIMIT = 10.0  # seconds for the kernel to take a dead machine's cable away


def off(spec: SiteSpec, machine: Machine, groups: Groups) -> None:
    """End the machine as a power cut does; nothing happens when it is off.

    Raises BundlerError (STEP) when it does not end.
    """
    groups.remove(machines.group_name(spec, machine))
    link.forget(spec, machine)
    link.unplug(spec, machine)
    deadline = time.monotonic() + _PORT_LIMIT
    while link.port(spec, machine):  # the next boot makes one of the same name
        if time.monotonic() > deadline:
            raise BundlerError(f"the cable of {machine.name} does not go", code=ExitCode.STEP)
        time.sleep(0.02)


def on(spec: SiteSpec, machine: Machine, groups: Groups) -> None:
    """Boot the machine from its disk and wait until it answers; nothing happens when it is on.

    Its cable is whole and fast again, whatever it was before.
    Raises BundlerError (NOT_READY) when it does not come up.
    """
    if is_on(spec, machine, groups):
        return
    off(spec, machine, groups)  # what is left of one that shut itself down
    journal = Journal(spec.run_dir / "undo.jsonl")
    started = machines.start(spec, machine, tree_of(spec, machine), groups, journal)
    machines.settle(started, groups)


def is_on(spec: SiteSpec, machine: Machine, groups: Groups) -> bool:
    """Whether the machine's process 1 runs."""
    return bool(groups.pids(machines.group_name(spec, machine)))
