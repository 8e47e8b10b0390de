"""Argument lists of kubeadm's documents: one form in here, whichever API version they were written for.

In here they are lists of `{"name": …, "value": …}`: v1beta4's form, where a name may stand twice and order
counts (`service-account-issuer`). v1beta3 has a map.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

KEYS: Final = frozenset({"extraArgs", "kubeletExtraArgs"})

Argument = Mapping[str, str]


def argument(name: str, value: str) -> Argument:
    """One entry of a list."""
    return {"name": name, "value": value}


def as_list(value: Any) -> Any:
    """A map or a list of arguments as a list; anything else as it is, for kubeadm to refuse."""
    match value:
        case Mapping():
            return [argument(str(name), word(each)) for name, each in value.items()]
        case list():
            return [_entry(each) for each in value]
        case _:
            return value


def _entry(value: Any) -> Any:
    if isinstance(value, Mapping) and "name" in value:
        return {**value, "name": str(value["name"]), "value": word(value.get("value", ""))}
    return value


def word(value: object) -> str:
    """A value as a flag has it: YAML's true is `true`, nothing is the empty text."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case _:
            return str(value)


def merge(below: Sequence[Any], above: Sequence[Any]) -> list[Any]:
    """A name of `above` takes the place of all entries with that name below; both keep their order."""
    names = {each.get("name") for each in above if isinstance(each, Mapping)}
    kept = [each for each in below if not isinstance(each, Mapping) or each.get("name") not in names]
    return [*kept, *above]


def repeated(value: Sequence[Any]) -> tuple[str, ...]:
    """Names that stand more than once, which a map can't hold."""
    names = Counter(str(each["name"]) for each in value if isinstance(each, Mapping) and "name" in each)
    return tuple(name for name, count in names.items() if count > 1)


def normal(document: Any) -> Any:
    """The document with every argument list in our form."""
    return _walk(document, as_list)


def mapped(document: Any) -> Any:
    """The document with every argument list as a map, for v1beta3; `repeated` was asked before."""
    return _walk(document, _as_map)


def _as_map(value: Any) -> Any:
    return {each["name"]: each["value"] for each in value} if isinstance(value, list) else value


def _walk(value: Any, change: Any) -> Any:
    match value:
        case list():
            return [_walk(part, change) for part in value]
        case Mapping():
            return {key: change(part) if key in KEYS else _walk(part, change) for key, part in value.items()}
        case _:
            return value
