"""A vendor's own checks, from the bundle."""

from collections.abc import Callable

from bundler.installer.checks.model import Area, Check, Fault, Look, Looked, Ran, Scene, Severity
from bundler.installer.plan.limits import HostLimits
from bundler.installer.plan.vendor import VendorCheck, VendorRules
from bundler.installer.site.model import Host


def applies(check: VendorCheck, host: Host) -> bool:
    """Whether a host is asked."""
    match check.on:
        case "control-plane":
            return host.is_control_plane
        case "worker":
            return not host.is_control_plane
        case _:
            return True


def vendor_checks(rules: VendorRules) -> tuple[Check, ...]:
    """One for each of the bundle's."""
    return tuple(_made(each) for each in rules.checks)


def _made(of: VendorCheck) -> Check:
    return Check(
        of.id,
        Area.VENDOR,
        Severity(of.severity),
        of.title or of.id,
        of.reason or "the vendor asks for it",
        of.fix or "ask the vendor",
        _look(of),
        limit=_limit(of),
        required=of.severity == Severity.ERROR,
        strict=of.strict,
    )


def _limit(of: VendorCheck) -> Callable[[HostLimits], str]:
    words = []
    if of.equals is not None:
        words.append(of.equals)
    if of.least is not None:
        words.append(f"at least {of.least:,g} {of.unit}".rstrip())
    if of.most is not None:
        words.append(f"at most {of.most:,g} {of.unit}".rstrip())
    text = ", ".join(words) or "exit 0"
    return lambda _: text


def _look(of: VendorCheck) -> Look:
    def look(scene: Scene) -> Looked:
        faults: list[Fault] = []
        unmeasured: dict[str, str] = {}
        hosts = [host for host in scene.site.hosts if applies(of, host) and host.address in scene.probes]
        for host in hosts:
            ran = scene.ran.get((of.id, host.address))
            if ran is None:
                unmeasured[host.address] = "it was not run"
            elif value := judged(of, ran):
                faults.append(Fault(host.address, value, hosts=(host.address,)))
        return Looked(tuple(faults), len(hosts), unmeasured)

    return look


def judged(of: VendorCheck, ran: Ran) -> str:
    """What was measured where it is not well; a script that failed is never well."""
    first = next(iter(ran.text.strip().splitlines()), "").strip()[:200]
    if ran.status:
        return f"{first or 'no output'} (exit {ran.status})"
    if of.equals is not None and first != of.equals:
        return first or "no output"
    if of.least is None and of.most is None:
        return ""
    try:
        value = float(first[:40])
    except ValueError:
        return f"{first[:40] or 'no output'}, which is no number"
    low = of.least is not None and not value >= of.least
    high = of.most is not None and not value <= of.most
    return f"{first[:40]} {of.unit}".rstrip() if low or high else ""
