"""What a registry asks for when it wants a login, and the token that its token server gives: read."""

import json
import re
from dataclasses import dataclass

_CHALLENGE = re.compile(r"\s*(?P<scheme>[A-Za-z]+)(?:\s+(?P<rest>.*))?", re.DOTALL)
_PARAMETER = re.compile(
    r'\s*,?\s*(?P<key>[A-Za-z_]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s,"]+))'
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
    """Read a WWW-Authenticate header (RFC 9110, 11.6.1) with one challenge; unknown parameters are left."""
    found = _CHALLENGE.match(header)
    if found is None:
        return Challenge("")
    parameters: dict[str, str] = {}
    rest, place = found["rest"] or "", 0
    while pair := _PARAMETER.match(rest, place):
        value = pair["token"] if pair["quoted"] is None else re.sub(r"\\(.)", r"\1", pair["quoted"])
        parameters.setdefault(pair["key"].lower(), value)
        place = pair.end()
    known = {key: parameters.get(key, "") for key in ("realm", "service", "scope")}
    return Challenge(found["scheme"].lower(), **known)


def read_token(body: bytes) -> str:
    """The token in a token server's answer (distribution's token specification), "" where there is none."""
    try:
        document = json.loads(body)
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""
