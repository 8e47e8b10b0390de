"""`bundler why REF`: who asked for an input, from the lock alone. Pure."""

from collections.abc import Iterator

from bundler.builder.lock.model import Inputs, Lock, PackagePin, Pin
from bundler.builder.lock.naming import matching
from bundler.core.errors import BundlerError

_NEEDED = "needed by "


def reasons(lock: Lock, name: str) -> str:
    """Each input of that name with who asks for it; a package's reasons down to PACKAGE.

    Raises BundlerError (NOT_FOUND) when no platform has it.
    """
    told: list[str] = []
    missing: BundlerError | None = None
    for platform, inputs in sorted((lock.platforms or {"": Inputs()}).items()):
        try:
            found = matching(inputs, name)
        except BundlerError as error:
            missing = error
            continue
        for kind, pin in found:
            told += [f"{kind} {pin.name} ({platform})", f"  {pin.pinned}", *_lines(inputs, pin)]
    if missing is not None and not told:
        raise missing
    return "\n".join(told)


def listed(lock: Lock) -> str:
    """All inputs, a line each."""
    lines = (
        f"{kind} {pin.name} ({platform})"
        for platform, inputs in sorted(lock.platforms.items())
        for kind, kind_pins in inputs.kinds()
        for pin in kind_pins
    )
    return "\n".join(lines)


def _lines(inputs: Inputs, pin: Pin) -> Iterator[str]:
    if not isinstance(pin, PackagePin):
        yield from (f"  because of {why}" for why in pin.why)
        return
    others = {
        each.package: each for suite in inputs.suites if suite.suite == pin.suite for each in suite.packages
    }
    chain = _chain(pin, others)
    yield f"  because of {' <- '.join(chain)}" if chain else "  because the suite's solver chose it"


def _chain(pin: PackagePin, others: dict[str, PackagePin]) -> list[str]:
    """The shortest way from a package to the PACKAGE that led to it."""
    ways: list[tuple[PackagePin, list[str]]] = [(pin, [pin.package])]
    seen = {pin.package}
    while ways:
        at, way = ways.pop(0)
        asked = [why for why in at.why if not why.startswith(_NEEDED)]
        if asked:
            return [*way, *asked]
        for why in at.why:
            name = why.removeprefix(_NEEDED)
            if name in others and name not in seen:
                seen.add(name)
                ways.append((others[name], [*way, name]))
    return []
