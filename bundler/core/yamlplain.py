"""YAML of others that is read for its data alone: bounded in depth, without aliases.

PyYAML builds a document recursively: libyaml's binding ends the whole process with a signal where a text is
nested 100,000 levels deep, and a few aliases unfold to gigabytes. The events of a text come one by one.
"""

from typing import Any, Final

import yaml

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is about ten times faster
_DEEPEST: Final = 100
_BEGIN: Final = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_END: Final = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def documents(text: str) -> list[Any]:
    """All documents of a text. Raises ValueError for what is no YAML, too deep, or has aliases."""
    try:
        _check(text)
        return list(yaml.load_all(text, _PARSER))
    except (yaml.YAMLError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no YAML: {error}") from error


def _check(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _PARSER):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases")
        depth += isinstance(event, _BEGIN) - isinstance(event, _END)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} levels deep")
