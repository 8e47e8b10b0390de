"""What a site is: its machines, their addresses, and where its files lie. Pure data."""

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode

RUN_ROOT = Path("/run/bundler-site")  # small state, gone after a reboot like the machines themselves
DISK_ROOT = Path("/var/lib/bundler-site")  # the machines' own files: on a disk, never on an overlay
DEFAULT_SUBNET = IPv4Network("10.77.0.0/24")
_FIRST_MACHINE = 11  # .1 is the gateway, .2 this host


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a site; its name is its hostname."""

    name: str
    address: IPv4Address
    suite: str = "bookworm"


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """A site's parameters; everything else is derived from them.

    suites: Debian's, given to the machines in turn, from the first on again when there are fewer.
    disk: GiB of each machine's own disk; the file that holds it grows with what the machine writes.
    """

    name: str = "demo"
    subnet: IPv4Network = DEFAULT_SUBNET
    count: int = 2
    suites: tuple[str, ...] = ("bookworm",)
    disk: int = 12

    def __post_init__(self) -> None:
        """Refuse what would fail later, half-way.

        Raises BundlerError (USAGE).
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", self.name):
            raise _wrong(f"site name {self.name!r}", "use 1 to 31 of a-z, 0-9 and -, starting with a letter")
        if not 1 <= self.count <= 64:
            raise _wrong(f"{self.count} machines", "a site has 1 to 64 machines")
        if self.subnet.num_addresses < _FIRST_MACHINE + self.count + 2:
            raise _wrong(f"subnet {self.subnet}", f"it is too small for {self.count} machines")
        if not self.suites or not all(re.fullmatch(r"[a-z]+", suite) for suite in self.suites):
            raise _wrong(f"suites {','.join(self.suites)!r}", "name Debian releases, as in bookworm,trixie")
        if not 1 <= self.disk <= 1024:
            raise _wrong(f"disk of {self.disk} GiB", "a machine's disk has 1 to 1024 GiB")

    @property
    def machines(self) -> tuple[Machine, ...]:
        """All machines, in order: node-1, node-2 and so on."""
        turns = zip(range(self.count), itertools.cycle(self.suites), strict=False)
        return tuple(Machine(f"node-{n + 1}", self.subnet[_FIRST_MACHINE + n], suite) for n, suite in turns)

    @property
    def gateway(self) -> IPv4Address:
        """The machines' default route and name server: it forwards nothing and writes down what asks."""
        return self.subnet[1]

    @property
    def host_address(self) -> IPv4Address:
        """This host's own address on the site."""
        return self.subnet[2]

    @property
    def netns(self) -> str:
        """The network namespace that the bridge lives in."""
        return f"bundler-{self.name}"

    @property
    def host_link(self) -> str:
        """This host's end of the cable to the bridge; at most 15 characters, so part of a digest."""
        return "bs-" + sha256(self.name.encode()).hexdigest()[:10]

    @property
    def run_dir(self) -> Path:
        """Keys, logs, the undo journal."""
        return RUN_ROOT / self.name

    @property
    def disk_dir(self) -> Path:
        """The machines' disks."""
        return DISK_ROOT / self.name

    def machine(self, name: str) -> Machine:
        """The machine called `name`, or whose number or address it is.

        Raises BundlerError (NOT_FOUND).
        """
        for number, machine in enumerate(self.machines, start=1):
            if name in {machine.name, str(number), str(machine.address)}:
                return machine
        raise BundlerError(
            f"no machine {name!r} in site {self.name}",
            code=ExitCode.NOT_FOUND,
            fix="one of " + ", ".join(m.name for m in self.machines),
        )

    def to_json(self) -> dict[str, str | int]:
        """What `from_json` reads back."""
        return {
            "name": self.name,
            "subnet": str(self.subnet),
            "count": self.count,
            "suites": ",".join(self.suites),
            "disk": self.disk,
        }


def from_json(data: Mapping[str, str | int]) -> SiteSpec:
    """The spec that `SiteSpec.to_json` wrote, or that of an older checkout: sites of all are listed."""
    default = SiteSpec()
    return SiteSpec(
        name=str(data["name"]),
        subnet=IPv4Network(str(data["subnet"])),
        count=int(data["count"]),
        suites=tuple(str(data.get("suites", ",".join(default.suites))).split(",")),
        disk=int(data.get("disk", default.disk)),
    )


def cache_root() -> Path:
    """Where things lie that survive `down`: $BUNDLER_CACHE, else a folder under XDG's cache folder."""
    if own := os.environ.get("BUNDLER_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bundler"


def _wrong(what: str, fix: str) -> BundlerError:
    return BundlerError(f"wrong {what}", code=ExitCode.USAGE, fix=fix)
