"""`bundler lock` and `bundler update`: resolve, and write down what came of it."""

from collections.abc import Sequence
from dataclasses import replace

from bundler.builder.lock.compare import Change, changes
from bundler.builder.lock.explain import explained
from bundler.builder.lock.model import Inputs, PackagePin, Pin, SuitePin, place
from bundler.builder.lock.naming import matching
from bundler.builder.lock.text import write
from bundler.builder.make import Clock, Order, resolve
from bundler.builder.progress import Progress
from bundler.builder.store import Store


def lock(order: Order, store: Store, progress: Progress) -> tuple[Change, ...]:
    """Lock what isn't yet, and drop what nothing needs any more; what is locked stays what it is.

    Gives what changed. Raises as `resolve` does; the lock is then left as it was.
    """
    return _relocked(order, order.lock.inputs(order.platform), store, progress)


def update(order: Order, names: Sequence[str], store: Store, progress: Progress) -> tuple[Change, ...]:
    """Resolve anew what the names stand for, everything where there are none, and lock that.

    Gives what changed. Raises BundlerError (NOT_FOUND) for a name that nothing has.
    """
    before = order.lock.inputs(order.platform)
    kept = without(before, names) if names else Inputs()
    return _relocked(replace(order, refresh=True), kept, store, progress)


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


def _relocked(order: Order, kept: Inputs, store: Store, progress: Progress) -> tuple[Change, ...]:
    before = order.lock.inputs(order.platform)
    asked = replace(order, lock=order.lock.having(order.platform, kept))
    resolved = resolve(asked, store, progress, Clock(progress))
    inputs = explained(resolved.inputs, resolved.tree, resolved.found.found, resolved.packages, store)
    write(order.lock.having(order.platform, inputs), place(order.kubefile))
    return changes(before, inputs)
