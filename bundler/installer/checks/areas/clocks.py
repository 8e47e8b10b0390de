"""Time: whether something keeps the clocks right (how far they are apart is the preflight's)."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from bundler.installer.checks.areas.build import NOTE, WARNING, always
from bundler.installer.checks.look import each, whole
from bundler.installer.checks.model import Area, Check, Fault, Fix, Scene, Seen

SERVICES: Final = (
    *("chrony.service", "chronyd.service", "systemd-timesyncd.service", "ntp.service", "ntpd.service"),
    *("ntpsec.service", "openntpd.service"),
)


def _service(seen: Seen) -> str:
    return "" if set(SERVICES) & seen.probe.units else "none runs"


def _synced(seen: Seen) -> str:
    running = bool(set(SERVICES) & seen.probe.units)
    return "not synchronised" if running and seen.probe.text("synced") == "no" else ""


def _rtc(seen: Seen) -> str:
    return "local time" if seen.probe.says("local-rtc") == "yes" else ""


def _zones(scene: Scene) -> Iterator[Fault]:
    zones = {seen.address: zone for seen in scene.hosts() if (zone := seen.probe.says("timezone"))}
    if len(set(zones.values())) < 2:
        return
    usual = Counter(zones.values()).most_common(1)[0][0]
    for address, zone in zones.items():
        if zone != usual:
            yield Fault(address, f"{zone}, others {usual}", hosts=(address,))


_A: Final = Area.TIME

CHECKS: Final = (
    Check(
        "time-service",
        _A,
        WARNING,
        "a time service runs",
        "clocks drift apart until certificates are refused",
        "--fix starts chrony or systemd-timesyncd where one is installed",
        each(_service),
        always("chrony or systemd-timesyncd"),
        fix_by=Fix.TIME,
    ),
    Check(
        "time-synced",
        _A,
        WARNING,
        "the clock follows a time server",
        "clocks drift apart until certificates are refused",
        "set time servers that the hosts can reach: spec.ntp in the Clusterfile",
        each(_synced),
        always("synchronised"),
    ),
    Check(
        "hardware-clock",
        _A,
        NOTE,
        "the hardware clock is in UTC",
        "the clock jumps at boot and with summer time",
        "timedatectl set-local-rtc 0",
        each(_rtc),
        always("UTC"),
    ),
    Check(
        "time-zone",
        _A,
        NOTE,
        "hosts are in one time zone",
        "logs of two hosts are hard to compare",
        "timedatectl set-timezone ZONE",
        whole(_zones),
        always("one for all"),
    ),
)
