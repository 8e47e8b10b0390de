"""Two .runs, opened and asked what an upgrade from one to the other comes to."""

from pathlib import Path

from bundler.builder.bundles.diff import Difference
from bundler.builder.bundles.diff_platforms import compare
from bundler.builder.bundles.upgrade_check import Outcome, Parts, RemovedIn, outcome
from bundler.builder.bundles.upgrade_parts import parts_of
from bundler.core.archive import Bundle
from bundler.core.archive.bases import opened


def checked(old: Path, new: Path, removed_in: RemovedIn) -> tuple[Parts, Parts, Outcome, Difference]:
    """Both sides, what it comes to, what differs; of several platforms the first decides.

    Raises BundlerError: NOT_FOUND, INTEGRITY when one is no whole .run, UNSUPPORTED for a newer format.
    """
    difference = compare(old, new)
    with opened(old) as one, opened(new) as other:
        if other.needs == one.needed:
            other.rest_on(one.of(other.index.platform))
        before, after = parts_of(one, _key(one)), parts_of(other, _key(other))
    return before, after, outcome(before, after, difference, removed_in), difference


def _key(bundle: Bundle) -> str:
    signature = bundle.signature()
    return signature.key.fingerprint if signature else ""
