"""Secrets and their disguises, taken out of everything that is shown, logged or reported."""

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

from bundler.core.errors import BundlerError
from bundler.installer.run.events import Event, Sink, StepFailed, StepOutput, Waiting

Secrets = Callable[[], frozenset[str]]

_SHORTEST: Final = 4  # a secret shorter than this would blot out ordinary words
_SHORTEST_INSIDE: Final = 6  # bytes of one that is looked for within base64
_SHORTEST_VALUE: Final = 6  # the same for a variable whose name doesn't speak of a secret
_TELLING: Final = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CRED|AUTH|LOGIN|DSN", re.IGNORECASE)
_PLAIN: Final = re.compile(
    r"[0-9.]+|true|false|enabled|disabled|default|production|info|debug", re.IGNORECASE
)


def redact(text: str, secrets: frozenset[str]) -> str:
    """The text with every secret replaced; each line of a secret counts, as output comes by lines."""
    for line in _lines(secrets):
        text = text.replace(line, "***")
    return text


def count_known(text: str, secrets: frozenset[str]) -> int:
    """How many times `redact` finds something to replace, more or less: one secret may be part of another."""
    return sum(text.count(line) for line in _lines(secrets))


def disguises(secret: str) -> frozenset[str]:
    """The secret, and as it stands in files of Kubernetes, headers of HTTP, addresses, JSON and shells."""
    if len(secret) < _SHORTEST:
        return frozenset({secret})
    quoted = (quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1])
    traced = (secret.replace("'", "'\\''"), secret.replace("'", "'\"'\"'"))
    return frozenset({secret, *quoted, *traced, *_in_base64(secret.encode())})


def _in_base64(secret: bytes) -> Iterator[str]:
    """The secret encoded alone; and what is left of it where it is a part of something that is encoded."""
    alone = base64.b64encode(secret).decode()
    yield from (alone, alone.rstrip("="))
    if len(secret) < _SHORTEST_INSIDE:
        return
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret).decode()
        # A character stands for six bits: those that the bytes around have a share in can't be known.
        yield whole[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]


def of_variables(variables: Mapping[str, str]) -> frozenset[str]:
    """The values that may be secrets: all but short and ordinary ones, whatever their names are."""
    return frozenset(value for name, value in variables.items() if _may_be_secret(name, value))


def redacted(error: BundlerError, secrets: frozenset[str]) -> BundlerError:
    """A copy of the error without secrets."""
    what, why, fix = (redact(part, secrets) for part in (error.what, error.why, error.fix))
    return error.revised(what=what, why=why, fix=fix)


def redacting(sink: Sink, secrets: Secrets) -> Sink:
    """A sink before others: no output and no error with a secret in it passes."""

    def send(event: Event) -> None:
        match event:
            case StepOutput(_, line):
                sink(replace(event, line=redact(line, secrets())))
            case Waiting(steps):
                hidden = secrets()
                sink(Waiting(tuple((step, since, redact(line, hidden)) for step, since, line in steps)))
            case StepFailed(_, _, error):
                sink(replace(event, error=redacted(error, secrets())))
            case _:
                sink(event)

    return send


@lru_cache(maxsize=16)
def _lines(secrets: frozenset[str]) -> tuple[str, ...]:
    lines = {line for secret in secrets for line in _parts(secret.splitlines())}
    return tuple(sorted(lines, key=lambda line: (-len(line), line)))


def _parts(lines: Iterable[str]) -> Iterable[str]:
    return (line for line in lines if len(line.strip()) >= _SHORTEST)


def _may_be_secret(name: str, value: str) -> bool:
    if _TELLING.search(name):
        return len(value) >= _SHORTEST
    return len(value) >= _SHORTEST_VALUE and not _PLAIN.fullmatch(value) and not _is_address(value)


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True
