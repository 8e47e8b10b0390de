"""What a vendor asks of sites: limits, severities and checks of its own, from `checks/` of the bundle."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from bundler.core import yamldoc
from bundler.core.errors import Problem, Problems
from bundler.core.yamldoc import Document, YamlLimits
from bundler.installer.plan.contents import RULES
from bundler.installer.plan.limits import DEFAULT_LIMITS, HostLimits, changed, names
from bundler.installer.plan.preflight import STRICT

_LIMITS: Final = YamlLimits(size=256 << 10, depth=20, values=20_000)
_MOST_CHECKS: Final = 200
_LONGEST: Final = 60  # seconds
_ID: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_SEVERITIES: Final = ("error", "warning", "note")
_ROLES: Final = ("", "control-plane", "worker")
_FIELDS: Final = MappingProxyType(
    {
        "id": str,
        "title": str,
        "severity": str,
        "on": str,
        "script": str,
        "least": float,
        "most": float,
        "equals": str,
        "unit": str,
        "reason": str,
        "fix": str,
        "strict": bool,
        "timeout": float,
    }
)


@dataclass(frozen=True, slots=True)
class VendorCheck:
    """A check that the bundle brings. script: POSIX sh, run as root; its first line is what it measured.

    on: a role, "" for every host. Without least, most or equals, exit 0 is well.
    """

    id: str
    script: str
    title: str = ""
    severity: str = "error"
    on: str = ""
    least: float | None = None
    most: float | None = None
    equals: str | None = None
    unit: str = ""
    reason: str = ""
    fix: str = ""
    strict: bool = False
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class VendorRules:
    """All of a bundle's. severities: other ones for our checks. strict: ids that no flag passes over."""

    limits: HostLimits = DEFAULT_LIMITS
    severities: Mapping[str, str] = field(default_factory=dict)
    strict: frozenset[str] = frozenset()
    checks: tuple[VendorCheck, ...] = ()

    def passed_over(self, ignored: frozenset[str]) -> frozenset[str]:
        """Rules of the preflight that stop nothing: ignored or made less than an error, and not strict."""
        lowered = {rule for rule, severity in self.severities.items() if severity != "error"}
        return (ignored | lowered) - self.strict - STRICT


NO_RULES: Final = VendorRules()


def vendor_rules(files: Mapping[str, bytes]) -> VendorRules:
    """The rules of these contents, files in the order of their names.

    Raises Problems with everything that is wrong in any of them.
    """
    rules, faults = NO_RULES, list[Problem]()
    for path in sorted(path for path in files if path.startswith(f"{RULES}/")):
        name = path.removeprefix("root/")
        for document in yamldoc.load_all(files[path], name, limits=_LIMITS):
            if document.data is not None:
                rules = _with(rules, document, faults)
    if faults:
        raise Problems(tuple(faults))
    return rules


def _with(rules: VendorRules, document: Document, faults: list[Problem]) -> VendorRules:
    data = document.data
    if not isinstance(data, dict):
        faults.append(
            document.problem((), "checks-form", "not a mapping with limits, severities, strict, checks")
        )
        return rules
    known = {"limits", "severities", "strict", "checks"}
    faults += [
        document.problem(
            (key,), "checks-field", f"unknown field {key!r}", hint=f"one of {', '.join(sorted(known))}"
        )
        for key in data
        if key not in known
    ]
    faults += [
        document.problem((key,), "checks-form", f"{key} must be a mapping")
        for key in ("limits", "severities")
        if not isinstance(data.get(key) or {}, dict)
    ]
    return replace(
        rules,
        limits=changed(rules.limits, _numbers(document, data.get("limits") or {}, faults)),
        severities={**rules.severities, **_severities(document, data.get("severities") or {}, faults)},
        strict=rules.strict | frozenset(_words(document, data.get("strict") or [], faults)),
        checks=_unique(
            document, (*rules.checks, *_checks(document, data.get("checks") or [], faults)), faults
        ),
    )


def _numbers(document: Document, given: Any, faults: list[Problem]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in given.items() if isinstance(given, dict) else ():
        if key not in names():
            hint = f"one of {', '.join(names())}"
            faults.append(
                document.problem(("limits", key), "checks-limit", f"no limit is called {key!r}", hint=hint)
            )
        elif not _is_number(value):
            faults.append(
                document.problem(("limits", key), "checks-limit", f"{key} must be a number from 0 on")
            )
        else:
            found[key] = float(value)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def _severities(document: Document, given: Any, faults: list[Problem]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in given.items() if isinstance(given, dict) else ():
        if value in _SEVERITIES:
            found[str(key)] = str(value)
        else:
            message = f"{value!r} is no severity"
            hint = f"one of {', '.join(_SEVERITIES)}"
            faults.append(document.problem(("severities", key), "checks-severity", message, hint=hint))
    return found


def _words(document: Document, given: Any, faults: list[Problem]) -> list[str]:
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return given
    faults.append(document.problem(("strict",), "checks-form", "strict must be a list of ids"))
    return []


def _checks(document: Document, given: Any, faults: list[Problem]) -> list[VendorCheck]:
    if not isinstance(given, list) or len(given) > _MOST_CHECKS:
        message = f"checks must be a list of at most {_MOST_CHECKS}"
        faults.append(document.problem(("checks",), "checks-form", message))
        return []
    made = (_check(document, number, each, faults) for number, each in enumerate(given))
    return [each for each in made if each is not None]


def _check(document: Document, number: int, given: Any, faults: list[Problem]) -> VendorCheck | None:
    if not isinstance(given, dict):
        faults.append(document.problem(("checks", number), "checks-check", "a check is a mapping"))
        return None
    found = [*_fields(given), *_meaning(given)]
    for key, message, hint in found:
        path = ("checks", number, *((key,) if key in given else ()))
        faults.append(document.problem(path, "checks-check", message, hint=hint))
    return None if found else VendorCheck(**given)


def _fields(given: dict[Any, Any]) -> Iterator[tuple[str, str, str]]:
    """Fields that are unknown, or of another kind: field, message, hint."""
    for key, value in given.items():
        kind = _FIELDS.get(key)
        if kind is None:
            yield key, f"unknown field {key!r}", f"one of {', '.join(_FIELDS)}"
        elif not (_is_number(value) if kind is float else isinstance(value, kind)):
            wanted = "a number from 0 on" if kind is float else yamldoc.type_names[kind]
            yield key, f"{key} must be {wanted}", ""


def _meaning(given: dict[Any, Any]) -> Iterator[tuple[str, str, str]]:
    """Values that mean nothing."""
    for key in ("id", "script"):
        if not given.get(key):
            yield key, f"a check needs its {key}", ""
    if not _ID.fullmatch(str(given.get("id") or "a")):
        yield "id", f"{given['id']!r} is no id", "small letters, digits, dots and hyphens, 64 at most"
    if given.get("severity", "error") not in _SEVERITIES:
        yield "severity", f"{given['severity']!r} is no severity", f"one of {', '.join(_SEVERITIES)}"
    if given.get("on", "") not in _ROLES:
        yield "on", f"{given['on']!r} is no role", "control-plane or worker; left out for all hosts"
    timeout = given.get("timeout", 10.0)
    if _is_number(timeout) and not 0 < timeout <= _LONGEST:
        yield "timeout", f"a check may take {_LONGEST} s at most", ""


def _unique(
    document: Document, checks: tuple[VendorCheck, ...], faults: list[Problem]
) -> tuple[VendorCheck, ...]:
    seen: set[str] = set()
    for each in checks:
        if each.id in seen:
            faults.append(document.problem(("checks",), "checks-check", f"two checks are called {each.id!r}"))
        seen.add(each.id)
    return checks
