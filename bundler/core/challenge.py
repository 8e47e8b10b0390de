"""What a registry asks for when it wants a login, and the token that its token server gives: read."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SCHEME = re.compile(r"[\s,]*(?P<scheme>[A-Za-z][A-Za-z0-9-]*)(?=\s|,|$)(?!\s*=)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
_BEST_FIRST = ("bearer", "basic")  # a token goes to one repository and runs out; a password does neither
_PARAMETER = re.compile(
    r'\s*,?\s*(?P<key>[A-Za-z0-9_.-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s,"]+))'
)
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: `scheme` in lower case, and for `bearer` where to get a token."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def parse_challenge(header: str) -> Challenge:
    """The best challenge that a WWW-Authenticate header (RFC 9110, 11.6.1) offers, whatever their order.

    Several headers are one with commas between them. Parameters that aren't known are left.
    """
    offered = list(_challenges(header))
    for scheme in _BEST_FIRST:
        for one in offered:
            if one.scheme == scheme and (one.realm or scheme != "bearer"):  # otherwise there is no token
                return one
    return offered[0] if offered else Challenge("")


def _challenges(header: str) -> Iterator[Challenge]:
    place = 0
    while found := _SCHEME.match(header, place):
        place = found.end()
        parameters: dict[str, str] = {}
        while pair := _PARAMETER.match(header, place):
            value = pair["token"] if pair["quoted"] is None else re.sub(r"\\(.)", r"\1", pair["quoted"])
            parameters.setdefault(pair["key"].lower(), value)
            place = pair.end()
        known = {key: parameters.get(key, "") for key in ("realm", "service", "scope")}
        yield Challenge(found["scheme"].lower(), **known)
        if not parameters and (token := _TOKEN68.match(header, place)):
            place = token.end()


def read_token(body: bytes) -> str:
    """The token in a token server's answer (distribution's token specification), "" where there is none."""
    try:
        document = json.loads(body)
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""
