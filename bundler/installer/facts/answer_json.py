"""JSON in a host's answer: read, or no JSON; whatever stands there, nothing else is raised."""

import json
from typing import Any, Final, NoReturn

# What taking a document apart raises that is of another shape than ours.
ODD: Final = (ValueError, TypeError, AttributeError, LookupError, OverflowError)


def read_json(text: str) -> Any:
    """The value. Raises ValueError, also for a text that is too deep and for numbers that are none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
