"""What differs between two .runs, each of one or more platforms."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bundler.builder.bundles.diff import (
    Difference,
    How,
    MemberChange,
    Section,
    Side,
    diff,
    fresh_bytes,
    side_of,
)
from bundler.core.archive.bases import opened


def compare(old: Path, new: Path) -> Difference:
    """Read two .runs and compare them.

    Raises BundlerError: NOT_FOUND, INTEGRITY when one is no whole .run, UNSUPPORTED for a newer format.
    """
    with opened(old) as one, opened(new) as other:
        if other.needs == one.needed:  # it has only what changed since the very one it is compared to
            other.rest_on(one.of(other.index.platform))
        return diff_all(*(tuple(side_of(each.of(p)) for p in each.platforms) for each in (one, other)))


def diff_all(old: Sequence[Side], new: Sequence[Side]) -> Difference:
    """Compare two bundles of one or more platforms each: those that both have, one by one.

    What changed on all of them alike is told once. Where they have none in common, the first ones are
    compared.
    """
    before = {side.index.platform: side for side in old}
    after = {side.index.platform: side for side in new}
    common = [platform for platform in after if platform in before]
    if not common:
        return replace(diff(old[0], new[0]), old_platforms=tuple(before), new_platforms=tuple(after))
    found: dict[MemberChange, list[str]] = {}
    for platform in common:
        for change in diff(before[platform], after[platform]).changes:
            found.setdefault(change, []).append(platform)
    changes = [
        change if len(on) == len(common) else replace(change, platforms=tuple(on))
        for change, on in found.items()
    ]
    changes += (
        MemberChange(Section.BUNDLE, How.ADDED, f"platform {p}", None, p) for p in after if p not in before
    )
    changes += (
        MemberChange(Section.BUNDLE, How.REMOVED, f"platform {p}", p, None) for p in before if p not in after
    )
    order = list(Section)
    ordered = sorted(changes, key=lambda change: (order.index(change.section), change.name))
    return Difference(old[0], new[0], tuple(ordered), fresh_bytes(old, new), tuple(before), tuple(after))
