"""A machine's cable: cut and mended, made slow or lossy, at the port of the site's bridge that it is in.

This kernel may have no netem: a token bucket at both ends of the cable limits the rate, and a rule of the
bridge's packet filter drops at random. Neither is seen by what the machine itself says of its rules.
"""

import json
from dataclasses import dataclass

from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import attempt, run
from tests.site.groups import Groups
from tests.site.machine import group_name, leader
from tests.site.network import enter, in_namespace
from tests.site.spec import Machine, SiteSpec

_QUEUE = "100ms"  # how long a packet waits before it is dropped
_LEAST_BURST = 32 * 1024  # bytes; a few packets, or nothing gets through


@dataclass(frozen=True, slots=True)
class Port:
    """The bridge's end of a machine's cable."""

    name: str
    up: bool
    limited: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate as tc writes it, and in bits a second."""

    text: str
    bits: int

    @property
    def burst(self) -> int:
        """Bytes that may go at once: a hundredth of a second's."""
        return max(_LEAST_BURST, self.bits // 8 // 100)


def port(spec: SiteSpec, machine: Machine) -> Port | None:
    """The port of a machine, None while it is off."""
    name = f"vb-{group_name(spec, machine)}"  # nspawn's; where too long for the kernel, an alternative name
    argv = ("ip", "-netns", spec.netns, "-json", "link", "show", "dev", name)
    answer = attempt(*argv)
    if answer.returncode:
        return None
    (found,) = json.loads(answer.stdout)
    return Port(found["ifname"], "UP" in found["flags"], found.get("qdisc") == "tbf")


def cut(spec: SiteSpec, machine: Machine) -> None:
    """Pull the machine's cable: it sees no carrier. Raises BundlerError (NOT_FOUND) when it is off."""
    _set(spec, machine, "down")


def mend(spec: SiteSpec, machine: Machine) -> None:
    """Plug the cable in again. Raises BundlerError (NOT_FOUND) when the machine is off."""
    _set(spec, machine, "up")


def unplug(spec: SiteSpec, machine: Machine) -> None:
    """Take the cable of a dead machine away; nothing happens when it has none.

    The kernel does so by itself once nothing holds the machine's network any more. An orphaned socket with
    unsent bytes holds it for minutes, and on a busy host the kernel's own clean-up is late.
    """
    if here := port(spec, machine):
        attempt("ip", "-netns", spec.netns, "link", "del", "dev", here.name)  # it may go meanwhile


def slow(spec: SiteSpec, machine: Machine, groups: Groups, rate: Rate | None, loss: float) -> None:
    """Limit both directions to `rate` (None: unlimited) and drop `loss` percent of the packets.

    Raises BundlerError (NOT_FOUND) when the machine is off.
    """
    here = _plugged(spec, machine).name
    restore(spec, machine, groups)
    if rate:
        words = ("rate", rate.text, "burst", str(rate.burst), "latency", _QUEUE)
        in_namespace(spec.netns, "tc", "qdisc", "add", "dev", here, "root", "tbf", *words)
        run(*_inside(spec, machine, groups), "tc", "qdisc", "add", "dev", "host0", "root", "tbf", *words)
    if loss:
        run(*enter(spec.netns), "nft", "-f", "-", stdin=_losing(machine, here, loss))


def restore(spec: SiteSpec, machine: Machine, groups: Groups) -> None:
    """Take back what `slow` did. Raises BundlerError (NOT_FOUND) when the machine is off."""
    here = _plugged(spec, machine).name
    attempt(*enter(spec.netns), "tc", "qdisc", "del", "dev", here, "root")
    attempt(*_inside(spec, machine, groups), "tc", "qdisc", "del", "dev", "host0", "root")
    forget(spec, machine)


def forget(spec: SiteSpec, machine: Machine) -> None:
    """Drop no more packets at the port of a machine, also of one that is off."""
    attempt(*enter(spec.netns), "nft", "delete", "table", "bridge", _table(machine))


def loses(spec: SiteSpec, machine: Machine) -> bool:
    """Whether packets are dropped at the machine's port."""
    return not attempt(*enter(spec.netns), "nft", "list", "table", "bridge", _table(machine)).returncode


def _set(spec: SiteSpec, machine: Machine, state: str) -> None:
    here = _plugged(spec, machine).name
    run("ip", "-netns", spec.netns, "link", "set", "dev", here, state)


def _plugged(spec: SiteSpec, machine: Machine) -> Port:
    if here := port(spec, machine):
        return here
    raise BundlerError(
        f"{machine.name} is off, so its cable can't be changed",
        code=ExitCode.NOT_FOUND,
        fix=f"python -m tests.site power on --name {spec.name} {machine.name}",
    )


def _inside(spec: SiteSpec, machine: Machine, groups: Groups) -> tuple[str, ...]:
    return ("nsenter", f"--target={leader(group_name(spec, machine), groups)}", "--net", "--")


def _losing(machine: Machine, name: str, loss: float) -> str:
    """A table that drops so many percent of what the bridge carries to and from a port."""
    verdict = f"numgen random mod 10000 < {round(loss * 100)} drop"
    return f"""table bridge {_table(machine)} {{
  chain lost {{
    type filter hook forward priority 0
    iifname "{name}" {verdict}
    oifname "{name}" {verdict}
  }}
}}
"""


def _table(machine: Machine) -> str:
    return "loss_" + machine.name.replace("-", "_")
