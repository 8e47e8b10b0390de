"""Whether each machine is one of its own, and not a copy."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, always
from bundler.installer.checks.look import each, whole
from bundler.installer.checks.model import Area, Check, Fault, Look, Scene, Seen

_ID: Final = re.compile(r"[0-9a-f]{32}")
_NO_UUIDS: Final = frozenset({"", "00000000-0000-0000-0000-000000000000", "not settable", "not specified"})


def _no_id(seen: Seen) -> str:
    text = seen.probe.says("machine-id")
    if _ID.fullmatch(text):
        return ""
    return f"{text[:40]!r}" if text else "none"


def _twice(value: Callable[[Seen], str]) -> Look:
    def survey(scene: Scene) -> Iterator[Fault]:
        owners: dict[str, list[str]] = {}
        for seen in scene.hosts():
            if key := value(seen):
                owners.setdefault(key, []).append(seen.address)
        for key, hosts in owners.items():
            for address in hosts if len(hosts) > 1 else ():
                yield Fault(address, f"{len(hosts)} hosts have {key[:8]}…", hosts=(address,))

    return whole(survey)


def _machine_id(seen: Seen) -> str:
    text = seen.probe.says("machine-id")
    return text if _ID.fullmatch(text) else ""


def _uuid(seen: Seen) -> str:
    text = seen.probe.says("uuid").strip().lower()
    return "" if text in _NO_UUIDS else text


def _systems(scene: Scene) -> Iterator[Fault]:
    yield from _odd({s.address: f"{s.facts.os_id} {s.facts.os_version}" for s in scene.hosts()})


def _architectures(scene: Scene) -> Iterator[Fault]:
    yield from _odd({s.address: s.facts.architecture for s in scene.hosts()})


def _odd(found: Mapping[str, str]) -> Iterator[Fault]:
    """Hosts that have something else than most have. found: by address."""
    names = list(found.values())
    if len(set(names)) < 2:
        return
    usual = max(set(names), key=lambda name: (names.count(name), name))
    for address, name in found.items():
        if name != usual:
            yield Fault(address, f"{name}, others {usual}", hosts=(address,))


def _even(scene: Scene) -> Iterator[Fault]:
    count = len(scene.site.control_planes)
    if count % 2 == 0:
        yield Fault(scene.site.name, f"{count} control planes")


_A: Final = Area.IDENTITY

CHECKS: Final = (
    Check(
        "machine-id",
        _A,
        ERROR,
        "the machine has an id",
        "leases and logs are mixed up with another host's",
        "systemd-machine-id-setup",
        each(_no_id),
        always("32 hexadecimal digits"),
    ),
    Check(
        "machine-id-twice",
        _A,
        ERROR,
        "no two machines have one id",
        "the machines are copies: addresses of DHCP, leases and logs are mixed up",
        "rm /etc/machine-id; systemd-machine-id-setup; reboot",
        _twice(_machine_id),
        always("one host"),
    ),
    Check(
        "product-uuid-twice",
        _A,
        WARNING,
        "no two machines have one product UUID",
        "storage and cloud plug-ins mistake them for one machine",
        "give each virtual machine its own UUID",
        _twice(_uuid),
        always("one host"),
    ),
    Check(
        "system-differs",
        _A,
        NOTE,
        "hosts run one release of one system",
        "what was tested on one may not hold on the other",
        "install one release on all hosts",
        whole(_systems),
        always("one for all"),
    ),
    Check(
        "architecture-differs",
        _A,
        NOTE,
        "hosts are of one architecture",
        "every image has to be there for each, also those of apps that come later",
        "nothing, if the .run is for all of them",
        whole(_architectures),
        always("one for all"),
    ),
    Check(
        "quorum-even",
        _A,
        WARNING,
        "the number of control planes is odd",
        "there is one more host to fail, and no more failures are tolerated",
        "use 1, 3 or 5 control planes",
        whole(_even),
        always("odd"),
    ),
)
