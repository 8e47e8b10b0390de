"""What the certificates of a site are: read on every host, told by day of expiry. No API is asked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import counted
from bundler.installer.facts.certificates import certificates
from bundler.installer.facts.gather import sections
from bundler.installer.facts.observed import Certificate
from bundler.installer.operations.reach import Reached, asked
from bundler.installer.plan.cluster.concerns.certificates import WINDOW
from bundler.installer.scripts.render import load
from bundler.installer.site.ranges import folded
from bundler.installer.transport.protocol import Transport

_DAY: Final = 86400
_TIMEOUT: Final = 60.0
_SCRIPT: Final = f'tell() {{ echo "@@$1"; }}\n{load("observe-certificates.sh")}\ntell end\n'


@dataclass(frozen=True, slots=True)
class Status:
    """hosts: certificates by address. silent: hosts that could not be asked, and why. now: our clock."""

    hosts: Mapping[str, tuple[Certificate, ...]]
    silent: Mapping[str, str]
    now: float

    @property
    def code(self) -> ExitCode:
        """DOWN where one has expired, FINDINGS where one is inside the window or a host is silent."""
        ends = [each.not_after for found in self.hosts.values() for each in found]
        if any(end <= self.now for end in ends):
            return ExitCode.DOWN
        soon = any(end < self.now + WINDOW for end in ends)
        return ExitCode.FINDINGS if soon or self.silent else ExitCode.OK


def status(reached: Reached, *, parallel: int, now: float) -> Status:
    """Ask every host that answers."""
    answers = asked(reached.transports, _ask, parallel=parallel)
    hosts = {a: found for a, found in answers.items() if not isinstance(found, BundlerError)}
    errors = {a: found for a, found in answers.items() if isinstance(found, BundlerError)}
    silent = {a: error.why or error.what for a, error in {**errors, **reached.silent}.items()}
    return Status(hosts, silent, now)


def _ask(transport: Transport) -> tuple[Certificate, ...]:
    outcome = transport.run(_SCRIPT, timeout=_TIMEOUT)
    found = sections(outcome.stdout)
    if "end" not in found:
        raise BundlerError("the host's answer is cut short", code=ExitCode.HOST, where=transport.address)
    return certificates(found["certificates"])


def as_text(found: Status) -> Iterator[str]:
    """One line for each day on which something ends on the same hosts; what ends first comes first."""
    rows: dict[tuple[str, bool], dict[str, list[str]]] = {}
    for address, mine in found.hosts.items():
        for each in mine:
            row = rows.setdefault((_date(each.not_after), each.authority), {})
            row.setdefault(each.name, []).append(address)
    for (date, authority), names in sorted(rows.items()):
        ends = max(
            each.not_after for mine in found.hosts.values() for each in mine if _date(each.not_after) == date
        )
        yield _row(date, names, authority=authority, left=ends - found.now)
    for address, why in found.silent.items():
        yield f"✗ {'':>10}  {'':10}  {address}: {why}"
    if not rows and not found.silent:
        yield "no certificate of this product on any host"


def _row(date: str, names: Mapping[str, list[str]], *, authority: bool, left: float) -> str:
    days = int(left // _DAY)
    mark = "✗" if left <= 0 else "!" if left < WINDOW else " "
    kind = "CA" if authority else "leaf"
    hosts = folded(dict.fromkeys(address for mine in names.values() for address in mine))
    what = ", ".join(names) if len(names) <= 2 else f"{len(names)} kinds"
    advice = ""
    if left < WINDOW:
        leaf = "; renewed by the next apply, or: certs renew"
        advice = "; replaced by: certs rotate-ca" if authority else leaf
    told = counted(days, "day") if left > 0 else "expired"
    return f"{mark} {told:>10}  {date}  {kind} ({what})  {hosts}{advice}"


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def as_json(found: Status) -> str:
    """For programs: every certificate of every host, with seconds since the epoch."""
    hosts = {
        address: [
            {
                "name": each.name,
                "authority": each.authority,
                "notBefore": _iso(each.not_before),
                "notAfter": _iso(each.not_after),
                "daysLeft": int((each.not_after - found.now) // _DAY),
                "names": sorted(each.names),
            }
            for each in mine
        ]
        for address, mine in found.hosts.items()
    }
    return json.dumps({"hosts": hosts, "silent": dict(found.silent)}, indent=2)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
