"""A difference of two bundles as text for people or as JSON for programs. Pure."""

import json
from collections.abc import Iterator
from itertools import groupby

from bundler.builder.bundles.diff import Difference, How, MemberChange, Side
from bundler.core.terminal import tame
from bundler.core.words import sized

_SIGNS = {How.ADDED: "+", How.REMOVED: "-", How.CHANGED: "~"}
_LONGEST = 100  # characters of a value


def as_text(difference: Difference) -> str:
    """One line for each change, by section; the last line tells the sizes. "" when nothing differs."""
    if not difference.changes:
        return ""
    return "".join(f"{line}\n" for line in _lines(difference))


def as_json(difference: Difference) -> str:
    """`{"old": …, "new": …, "fresh_bytes": N, "changes": [{section, how, name, old, new, …}]}`."""
    document = {
        "old": _side(difference.old, difference.old_platforms),
        "new": _side(difference.new, difference.new_platforms),
        "fresh_bytes": difference.fresh,
        "changes": [
            {
                "section": change.section,
                "how": change.how,
                "name": change.name,
                "old": change.old,
                "new": change.new,
                "grown": change.grown,
                "platforms": list(change.platforms),
            }
            for change in difference.changes
        ],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _side(side: Side, platforms: tuple[str, ...]) -> dict[str, object]:
    index = side.index
    told = {"name": index.name, "version": index.version, "platform": index.platform, "size": side.size}
    return told | {"platforms": list(platforms or (index.platform,))}


def _lines(difference: Difference) -> Iterator[str]:
    for section, changes in groupby(difference.changes, key=lambda change: change.section):
        yield f"{section}:"
        yield from (f"  {_SIGNS[change.how]} {tame(_line(change))}" for change in changes)
    old, new = difference.old.size, difference.new.size
    yield f"size: {sized(old)} -> {sized(new)} ({_signed(new - old)}), {sized(difference.fresh)} of it new"


def _line(change: MemberChange) -> str:
    parts = [_short(text) for text in (change.old, change.new) if text is not None]
    grown = f"  ({_signed(change.grown)})" if change.grown else ""
    where = f"  [{', '.join(change.platforms)}]" if change.platforms else ""
    return f"{change.name}: {' -> '.join(parts)}{grown}{where}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _signed(count: int) -> str:
    return f"{'-' if count < 0 else '+'}{sized(abs(count))}"
