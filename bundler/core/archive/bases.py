"""Opening a .run that has only what changed, together with the one that it rests on."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from bundler.core.archive.reader import Bundle
from bundler.core.archive.recipes import Needed
from bundler.core.errors import BundlerError, ExitCode

ENDING: Final = ".run"

_LOOKED_AT: Final = 64  # files in a folder, at most
_DEEPEST: Final = 16  # bundles that rest on one another


@contextmanager
def opened(path: Path, bases: Iterable[Path] = ()) -> Iterator[Bundle]:
    """Open a .run, and what it rests on: one of `bases`, or a .run beside it.

    Where there is none, the caller has to provide one with `rest_on`; what needs none can be read without.

    Raises BundlerError: what `Bundle.open` does; INPUT where `bases` are named and none is the right one.
    """
    named = tuple(bases)
    with ExitStack() as stack:
        bundle = first = stack.enter_context(Bundle.open(path))
        for _ in range(_DEEPEST):
            if (needs := bundle.needs) is None:
                break
            base = _found(needs, named, bundle.path)
            if base is None:
                break
            of = stack.enter_context(base).of(bundle.index.platform)
            bundle.rest_on(of)
            bundle = of
        if named and bundle.needs is not None:
            raise _none_fits(bundle.needs, named)
        yield first


def _found(needs: Needed, named: tuple[Path, ...], beside: Path) -> Bundle | None:
    """The bundle that is meant, open."""
    for path in named:
        base = Bundle.open(path)
        if base.needed == needs:
            return base
        base.close()
    return next(_fitting(needs, beside), None)


def _fitting(needs: Needed, beside: Path) -> Iterator[Bundle]:
    """Those in the same folder; unreadable ones are skipped, as they were not named."""
    try:
        others = sorted(path for path in beside.absolute().parent.glob(f"*{ENDING}") if path.is_file())
    except OSError:
        return
    for path in islice(others, _LOOKED_AT):
        try:
            base = Bundle.open(path)
        except BundlerError:
            continue
        if base.needed == needs:
            yield base
            return
        base.close()


def _none_fits(needs: Needed, named: tuple[Path, ...]) -> BundlerError:
    return BundlerError(
        "this is not the bundle that it rests on",
        where=", ".join(map(str, named)),
        why=f"{needs.name} {needs.version} with the seal {needs.seal} is needed",
        code=ExitCode.INPUT,
        id="BND-DELTA-BASE",
        fix="name that one with --base",
    )
