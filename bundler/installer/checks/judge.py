"""From what was seen to a report: every check looks; rules of the vendor say how grave it is. Pure."""

from collections.abc import Iterable

from bundler.core.errors import Location, Problem
from bundler.installer.checks.areas.between import tried
from bundler.installer.checks.areas.vendor import vendor_checks
from bundler.installer.checks.catalogue import CHECKS
from bundler.installer.checks.model import Area, Check, Report, Result, Scene, Severity
from bundler.installer.plan.vendor import NO_RULES, VendorRules


def judge(
    scene: Scene, *, ignored: frozenset[str] = frozenset(), only: frozenset[str] = frozenset()
) -> Report:
    """ignored: ids that somebody takes upon himself. only: ids and areas to look at, empty for all."""
    checks = (*CHECKS, *vendor_checks(scene.rules))
    chosen = [check for check in checks if not only or check.id in only or check.area.value in only]
    return Report(
        site=scene.site.name,
        hosts=len(scene.site.hosts),
        answered=len(scene.probes),
        results=tuple(_result(check, scene, ignored) for check in chosen),
        links=tried(scene),
    )


def _result(check: Check, scene: Scene, ignored: frozenset[str]) -> Result:
    severity = Severity(scene.rules.severities.get(check.id, check.severity.value))
    strict = check.strict or check.id in scene.rules.strict
    passed_over = check.id in ignored and not strict
    return Result(check, severity, check.look(scene), check.limit(scene.limits), passed_over, strict)


def known(words: Iterable[str], rules: VendorRules = NO_RULES) -> tuple[str, ...]:
    """Those of the words that name no check and no area."""
    names = {c.id for c in CHECKS} | {c.id for c in rules.checks} | {area.value for area in Area}
    return tuple(word for word in words if word not in names)


def rule_faults(rules: VendorRules) -> tuple[Problem, ...]:
    """Names in a vendor's rules that don't exist, or that are built in."""
    place = Location("checks/")
    ours = {check.id for check in CHECKS}
    unknown = known((*rules.severities, *rules.strict), rules)
    return (
        *(
            Problem(place, "checks-id", f"no check is called {name!r}", "docs/checks.md lists all")
            for name in unknown
        ),
        *(
            Problem(
                place, "checks-id", f"{each.id!r} is the name of a built-in check", "give it another name"
            )
            for each in rules.checks
            if each.id in ours
        ),
    )
