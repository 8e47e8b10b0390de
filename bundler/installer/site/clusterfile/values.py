"""Values as people write them in a Clusterfile: variables, ports, addresses, roles, unquoted text."""

import re
from ipaddress import ip_address
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bundler.core.variables import why_not
from bundler.installer.site.clusterfile.addresses import numbers

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_INTERVAL: Final = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_MINUTES: Final = {"m": 1, "h": 60, "d": 1440}
_LEAST: Final = 10  # minutes: a snapshot takes a while, and etcd serves meanwhile
LISTED: Final = ";"  # between the values of a variable that has several
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # of Kubernetes, without prefix


def _variables(value: object) -> object:
    """`K: V` as it is, `[K=V, …]` as a mapping; raises ValueError for what is neither.

    A name with several values has them as Sealer reads and writes them in one line: parted by `;`.
    """
    if isinstance(value, dict):
        return {_word(name): _value(each) for name, each in value.items()}
    if not isinstance(value, list):
        raise ValueError("must be a list of K=V, or a mapping")  # noqa: TRY004  (pydantic wants ValueError)
    found: dict[str, list[str]] = {}
    for number, entry in enumerate(value, 1):
        name, sign, text = str(entry).partition("=")
        if not isinstance(entry, str) or not sign or not name:
            raise ValueError(f"entry {number} is not K=V")  # its text may be a secret
        found.setdefault(_word(name), []).append(text)
    return {name: LISTED.join(texts) for name, texts in found.items()}


def _value(value: object) -> str:
    return LISTED.join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no name for a variable")  # noqa: TRY004  (as above)
    if why := why_not(value):
        raise ValueError(f"{value!r} {why}")
    return value


def _scalar(value: object) -> str:
    """A variable's text. YAML's true and 5 become the words as they are usually written."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case None:
            return ""
        case _:
            raise ValueError("a variable's value must be text, a number, or true or false")


def _text(value: object) -> object:
    """Passwords and users that look like numbers stand in YAML without quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _checked_ip(value: str) -> str:
    numbers(value)
    return value


def _role(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError("a role is a word of letters, digits, `-`, `_` and `.`, at most 63")
    return value


def _port(value: object) -> object:
    """Sealer writes ports as text as well as numbers."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _name_server(value: str) -> str:
    """An address: a name server that is given by name would have to be asked for its own."""
    try:
        ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address") from None
    return value


def _time_server(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError(f"{value!r} is neither an address nor a name")
    return value


def read_endpoint(value: object) -> object:
    """`local` is neither of the two addresses."""
    if value == "local":
        return {}
    if isinstance(value, str):
        wanted = "local, {vip: ADDRESS} or {external: ADDRESS}"
        raise ValueError(f"{value!r} is none of {wanted}")  # noqa: TRY004  (pydantic wants ValueError)
    return value


def _one_address(value: str) -> str:
    if len(numbers(value)) > 1:
        raise ValueError(f"{value!r} means several addresses; one is wanted")
    return value


def _interval(value: str) -> str:
    match = _INTERVAL.fullmatch(value)
    if match is None or int(match[1]) * _MINUTES[match[2]] < _LEAST:
        raise ValueError(f"{value!r} is no interval: write 30m, 6h or 1d; {_LEAST}m is the shortest")
    return value


Variables = Annotated[dict[str, str], BeforeValidator(_variables)]
Text = Annotated[str, BeforeValidator(_text)]
Port = Annotated[int, BeforeValidator(_port), Field(ge=1, le=65535, strict=True)]
Addresses = Annotated[str, AfterValidator(_checked_ip)]
OneAddress = Annotated[str, AfterValidator(_one_address)]
NameServer = Annotated[str, AfterValidator(_name_server)]
Interval = Annotated[str, AfterValidator(_interval)]
TimeServer = Annotated[str, AfterValidator(_time_server)]
RoleName = Annotated[str, AfterValidator(_role)]
Strategy = Literal["merge", "overwrite", "render"]
