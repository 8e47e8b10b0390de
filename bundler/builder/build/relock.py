"""`bundler lock` and `bundler update`: resolve, and write down what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bundler.builder.build.phases import Clock
from bundler.builder.build.request import BuildRequest
from bundler.builder.build.resolve import check, resolve
from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Progress
from bundler.builder.lock.compare import LockChange, changes
from bundler.builder.lock.explain import explained
from bundler.builder.lock.model import Inputs, PackagePin, Pin, SuitePin, place
from bundler.builder.lock.naming import matching
from bundler.builder.lock.text import write
from bundler.core.errors import BundlerError

Changes = Mapping[str, tuple[LockChange, ...]]  # by platform


def lock(orders: Sequence[BuildRequest], store: Store, progress: Progress) -> Changes:
    """Lock what isn't yet, and drop what nothing needs any more; what is locked stays what it is.

    orders: one Kubefile for several platforms. Gives what changed. Raises as `resolve` does; the lock is then
    left as it was, for all platforms.
    """
    return _relocked(orders, _locked(orders), store, progress)


def _locked(orders: Sequence[BuildRequest]) -> dict[str, Inputs]:
    """Each platform's inputs as the lock has them."""
    return {str(order.platform): order.lock.inputs(str(order.platform)) for order in orders}


def update(orders: Sequence[BuildRequest], names: Sequence[str], store: Store, progress: Progress) -> Changes:
    """Resolve anew what the names stand for, everything where there are none, and lock that.

    Gives what changed. Raises BundlerError (NOT_FOUND) for a name that none of the platforms has.
    """
    kept = {str(order.platform): Inputs() for order in orders}
    if names:
        kept = remaining(_locked(orders), names)
    return _relocked([replace(order, refresh=True) for order in orders], kept, store, progress)


def remaining(before: Mapping[str, Inputs], names: Sequence[str]) -> dict[str, Inputs]:
    """Each platform's inputs but for those of these names. Raises BundlerError (NOT_FOUND), as `update`."""
    known = {name: tuple(_with(before, name)) for name in names}
    return {
        platform: without(inputs, [name for name, having in known.items() if platform in having])
        for platform, inputs in before.items()
    }


def _with(before: Mapping[str, Inputs], name: str) -> Iterator[str]:
    """The platforms that have inputs of this name."""
    failures: list[BundlerError] = []
    for platform, inputs in before.items():
        try:
            matching(inputs, name)
        except BundlerError as error:
            failures.append(error)
        else:
            yield platform
    if len(failures) == len(before):
        raise failures[0]


def without(inputs: Inputs, names: Sequence[str]) -> Inputs:
    """The inputs but for those of these names; a package takes its whole suite with it.

    A mirror has one version of each package, those that fit together: one can't move alone.
    """
    dropped = [pin for name in names for _, pin in matching(inputs, name)]
    suites = {pin.suite for pin in dropped if isinstance(pin, PackagePin | SuitePin)}

    def stays(pin: Pin) -> bool:
        return pin not in dropped

    return Inputs(
        kubefiles=tuple(filter(stays, inputs.kubefiles)),
        files=tuple(filter(stays, inputs.files)),
        charts=tuple(filter(stays, inputs.charts)),
        ranges=tuple(filter(stays, inputs.ranges)),
        images=tuple(filter(stays, inputs.images)),
        suites=tuple(pin for pin in inputs.suites if pin.suite not in suites),
    )


def _relocked(
    orders: Sequence[BuildRequest], kept: Mapping[str, Inputs], store: Store, progress: Progress
) -> Changes:
    lock = before = orders[0].lock
    for order in orders:
        platform = str(order.platform)
        asked = replace(order, lock=before.having(platform, kept[platform]))
        resolved = resolve(asked, check(asked), store, progress, Clock(progress))
        inputs = explained(resolved.inputs, resolved.tree, resolved.found.found, resolved.packages, store)
        lock = lock.having(platform, inputs)
    write(lock, place(orders[0].kubefile))
    return {
        platform: changes(before.inputs(platform), lock.inputs(platform))
        for platform in (str(order.platform) for order in orders)
    }
