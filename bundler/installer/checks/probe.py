"""What a host says to `check.sh`, as typed values. Pure; every number has bounds, every list an end."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final, TypeVar

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.checks.answers import number, sections, whole
from bundler.installer.checks.certificates import Expiry, expiry

T = TypeVar("T")

_MOST: Final = (1 << 64) - 1  # the kernel counts in 64 bits
_LINES: Final = 4096  # of one section
_TEXT: Final = 500  # characters kept of a value


class UnmeasuredError(Exception):
    """A host has no answer to what a check asks; the text says why."""


class Answer(StrEnum):
    """What became of a connection. REFUSED: the host was reached, and nothing listens there yet."""

    OPEN = "open"
    REFUSED = "refused"
    BLOCKED = "blocked"
    FAILED = "failed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/mounts."""

    device: str
    point: str
    kind: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Space:
    """A file system as df shows it for a folder; KiB, or inodes."""

    mount: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. speed: Mbit/s, None where unknown (virtual ones)."""

    name: str
    mac: str
    mtu: int
    speed: int | None
    duplex: str
    state: str
    packets: int
    errors: int


@dataclass(frozen=True, slots=True)
class Link:
    """A connection to another host's port, and how long it took (seconds)."""

    address: str
    port: int
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class Path:
    """Whether (1, 0) a packet of the interface's own size came back uncut, and whether a small one did."""

    address: str
    mtu: int
    large: int
    small: int


@dataclass(frozen=True, slots=True)
class CisLine:
    """One recommendation of the CIS benchmark."""

    number: str
    verdict: str
    what: str
    found: str


@dataclass(frozen=True, slots=True)
class HostProbe:
    """Everything that one host said beyond its facts. seconds: how long it took to answer."""

    address: str
    values: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    units: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    devices: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    spaces: Mapping[str, Space] = field(default_factory=dict)
    inodes: Mapping[str, Space] = field(default_factory=dict)
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()  # destination, device
    resolver: tuple[tuple[str, str], ...] = ()  # word, value
    chains: frozenset[str] = frozenset()
    certificates: tuple[Expiry, ...] = ()
    missing_blobs: tuple[str, ...] = ()
    fsync: tuple[float, ...] = ()  # seconds
    write: float | None = None  # MiB/s
    links: tuple[Link, ...] = ()
    paths: tuple[Path, ...] = ()
    neighbours: Mapping[str, str] = field(default_factory=dict)  # address -> MAC
    cis: tuple[CisLine, ...] = ()
    seconds: float = 0.0

    def text(self, name: str) -> str:
        """A value. Raises UnmeasuredError where the host has none."""
        found = self.values.get(name, "")
        if not found:
            raise UnmeasuredError(f"the host does not tell its {name}")
        return found

    def says(self, name: str) -> str:
        """The same, "" for none."""
        return self.values.get(name, "")

    def number(self, name: str) -> float:
        """A value that is a number. Raises UnmeasuredError."""
        try:
            return number(self.text(name), most=_MOST)
        except ValueError:
            raise UnmeasuredError(f"{name} is {self.says(name)[:40]!r}, which is no number") from None

    def sysctl(self, key: str) -> int:
        """A kernel setting, as below /proc/sys. Raises UnmeasuredError."""
        try:
            return whole(self.sysctls.get(key, "").split()[0], most=_MOST)
        except (ValueError, IndexError):
            raise UnmeasuredError(f"the kernel has no {key}") from None

    def mount_of(self, path: str) -> Mount:
        """The file system that a path lies on. Raises UnmeasuredError."""
        fits = [m for m in self.mounts if path == m.point or path.startswith(m.point.rstrip("/") + "/")]
        if not fits:
            raise UnmeasuredError(f"nothing is known of the file system of {path}")
        return max(fits, key=lambda mount: len(mount.point))  # of equal ones the first: it covers the others


def parse(address: str, text: str, *, seconds: float = 0.0) -> HostProbe:
    """Read what the script printed; lines that make no sense are passed over.

    Raises BundlerError (HOST) for an answer that is cut short.
    """
    found = sections(text)
    if "end" not in found:
        last = next(reversed(found), "nothing")
        raise BundlerError(
            "the host's answer is cut short",
            where=address,
            why=f"it ends after {last}",
            code=ExitCode.HOST,
            fix="is it Linux with a POSIX shell and GNU coreutils? look at what its login shell prints",
        )

    def lines(name: str) -> Iterator[str]:
        return islice(found.get(name, ()), _LINES)

    disk = [line.split() for line in lines("disk")]
    return HostProbe(
        address=address,
        values=_pairs(lines("values")),
        sysctls=_pairs(lines("sysctls")),
        modules=_pairs(lines("modules")),
        units=frozenset(_active(lines("units"))),
        traces=frozenset(lines("traces")),
        devices=tuple(lines("links-found")),
        mounts=_read(_mount, lines("mounts")),
        spaces=dict(_read(_space, lines("spaces"))),
        inodes=dict(_read(_space, lines("inodes"))),
        interfaces=_read(_interface, lines("interfaces")),
        routes=_read(_route, lines("routes")),
        resolver=_read(_word, lines("resolver")),
        chains=frozenset(line.strip() for line in lines("chains")),
        certificates=_read(_certificate, lines("certificates")),
        missing_blobs=tuple(lines("missing-blobs")),
        fsync=tuple(sorted(_read(_sample, (row[1] for row in disk if len(row) == 2 and row[0] == "fsync")))),
        write=next(iter(_read(_rate, (row[1] for row in disk if len(row) == 2 and row[0] == "write"))), None),
        links=_read(_link, lines("links")),
        paths=_read(_path, lines("mtu")),
        neighbours=dict(_read(_neighbour, lines("neighbours"))),
        cis=_read(_cis, lines("cis")),
        seconds=seconds,
    )


def _read(read: Callable[[str], T], lines: Iterable[str]) -> tuple[T, ...]:
    """What can be read of these lines."""
    made: list[T] = []
    for line in lines:
        try:
            made.append(read(line))
        except (ValueError, IndexError):
            continue
    return tuple(made)


def _pairs(lines: Iterator[str]) -> dict[str, str]:
    rows = (line.partition(" ") for line in lines)
    return {name: value.strip()[:_TEXT] for name, _, value in rows if name}


def _active(lines: Iterator[str]) -> Iterator[str]:
    rows = (line.split() for line in lines)
    return (row[0] for row in rows if len(row) == 2 and row[1] == "active")


def _mount(line: str) -> Mount:
    device, point, kind, options, *_ = line.split()
    return Mount(device, point.replace("\\040", " "), kind, frozenset(options.split(",")))


def _space(line: str) -> tuple[str, Space]:
    folder, _, total, _, free, _, mount = line.split(None, 6)
    return folder, Space(mount, whole(total, most=_MOST), whole(free, most=_MOST))


def _interface(line: str) -> Interface:
    name, mac, mtu, speed, duplex, state, packets, errors = line.split()
    known = whole(speed, most=1 << 24) if speed.isdigit() else 0
    return Interface(
        name,
        mac,
        whole(mtu, most=1 << 24),
        known or None,
        duplex,
        state,
        whole(packets, most=_MOST),
        whole(errors, most=_MOST),
    )


def _route(line: str) -> tuple[str, str]:
    words = line.split()
    return words[0], words[words.index("dev") + 1]


def _word(line: str) -> tuple[str, str]:
    word, _, value = line.partition(" ")
    return word, value.strip()[:_TEXT]


def _certificate(line: str) -> Expiry:
    path, encoded = line.split()
    return expiry(path, encoded)


def _sample(text: str) -> float:
    return number(text, most=3600)


def _rate(text: str) -> float:
    return 8 / max(number(text, most=3600), 1e-6)  # the script writes 8 MiB


def _link(line: str) -> Link:
    _, address, port, answer, micros = line.split()
    return Link(address, whole(port, most=65535), Answer(answer), whole(micros, most=_MOST) / 1e6)


def _path(line: str) -> Path:
    address, mtu, large, small = line.split()
    return Path(address, whole(mtu, most=1 << 24), whole(large, most=1), whole(small, most=1))


def _neighbour(line: str) -> tuple[str, str]:
    words = line.split()
    return words[0], words[words.index("lladdr") + 1].lower()


def _cis(line: str) -> CisLine:
    recommendation, verdict, what, found = (part[:_TEXT] for part in line.split("\t"))
    return CisLine(recommendation, verdict, what, found)
