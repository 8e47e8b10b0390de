"""Values as people write them in a Clusterfile: variables, ports, addresses, roles, unquoted text."""

import re
from ipaddress import ip_address
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from bundler.core.variables import why_not
from bundler.installer.site.changes import processes
from bundler.installer.site.clusterfile.addresses import span
from bundler.installer.site.labels import label_fault, parse_taint
from bundler.installer.site.plugins import moments
from bundler.installer.site.windows import amount_fault

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_ALIAS: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_FOLDER: Final = re.compile(r"(/[A-Za-z0-9._-]+)+/?|/")
_OF_SYSTEMS: Final = "bin boot dev etc home lib lib64 opt proc root run sbin srv sys tmp usr var"
_SYSTEM: Final = frozenset({"", *(f"/{name}" for name in _OF_SYSTEMS.split())})
_GROUP: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
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
    span(value)
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
    if len(span(value)) > 1:
        raise ValueError(f"{value!r} means several addresses; one is wanted")
    return value


def _interval(value: str) -> str:
    match = _INTERVAL.fullmatch(value)
    if match is None or int(match[1]) * _MINUTES[match[2]] < _LEAST:
        raise ValueError(f"{value!r} is no interval: write 30m, 6h or 1d; {_LEAST}m is the shortest")
    return value


def _labels(value: object) -> object:
    """A mapping of words; YAML's true and 5 become the words as they are usually written."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")  # noqa: TRY004  (pydantic wants ValueError)
    found = {str(key): _scalar(each) for key, each in value.items()}
    for key, text in found.items():
        if why := label_fault(key, text):
            raise ValueError(why)
    return found


def _unavailable(value: object) -> object:
    """An amount for all groups, or a mapping of groups to theirs; `*` is every other group."""
    found = value if isinstance(value, dict) else {"*": value}
    amounts = {str(group): str(each) for group, each in found.items()}
    for group, amount in amounts.items():
        if why := amount_fault(amount) or ("" if group == "*" else _group_fault(group)):
            raise ValueError(why)
    return {group if group != "*" else "": amount for group, amount in amounts.items()}


def _group_fault(value: str) -> str:
    return "" if _GROUP.fullmatch(value) else f"{value[:80]!r} is no name of lower-case letters and digits"


def _group(value: str) -> str:
    if why := _group_fault(value):
        raise ValueError(why)
    return value


def _taint(value: str) -> str:
    parse_taint(value)
    return value


def _file_path(value: str) -> str:
    """Below the bundle's root, or the app's folder."""
    parts = value.split("/")
    if not value or value.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"{value[:80]!r} is no path below the bundle's root: no leading `/`, no `..`")
    if not value.isprintable():
        raise ValueError("a path can't hold control characters")
    return value


def check_folder(value: str) -> str:
    """An absolute path of plain words, none of a system's own folders."""
    if value and (not _FOLDER.fullmatch(value) or ".." in value.split("/")):
        raise ValueError(f"{value[:80]!r} is no absolute path of letters, digits, `-`, `_` and `.`")
    if value.rstrip("/") in _SYSTEM:
        raise ValueError(f"{value} belongs to the system: name a folder for it alone")
    return value.rstrip("/")


def _process(value: str) -> str:
    processes(value)
    return value


def _host_name(value: str) -> str:
    if not _ALIAS.fullmatch(value):
        raise ValueError(f"{value[:80]!r} is no host name")
    return value


def _action(value: str) -> str:
    moments(value)
    return value


_SCALAR: Final = {"type": ["string", "number", "boolean", "null"]}
_SCALARS: Final = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
_PAIRS: Final = {"type": "array", "items": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*="}}
_MAPPING: Final = {"type": "object", "additionalProperties": _SCALARS}
_NUMBER: Final = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+$"}]}

Variables = Annotated[
    dict[str, str], BeforeValidator(_variables), WithJsonSchema({"anyOf": [_PAIRS, _MAPPING]})
]
Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "integer"]})]
Port = Annotated[int, BeforeValidator(_port), Field(ge=1, le=65535, strict=True), WithJsonSchema(_NUMBER)]
Addresses = Annotated[str, AfterValidator(_checked_ip)]
OneAddress = Annotated[str, AfterValidator(_one_address)]
NameServer = Annotated[str, AfterValidator(_name_server)]
Interval = Annotated[str, AfterValidator(_interval)]
TimeServer = Annotated[str, AfterValidator(_time_server)]
RoleName = Annotated[str, AfterValidator(_role)]
Labels = Annotated[
    dict[str, str],
    BeforeValidator(_labels),
    WithJsonSchema({"type": "object", "additionalProperties": _SCALAR}),
]
_AMOUNTS: Final = {"type": ["string", "integer"], "pattern": "^[1-9][0-9]*%?$"}
Unavailable = Annotated[
    dict[str, str],
    BeforeValidator(_unavailable),
    WithJsonSchema({"anyOf": [_AMOUNTS, {"type": "object", "additionalProperties": _AMOUNTS}]}),
]
GroupName = Annotated[str, AfterValidator(_group)]
TaintText = Annotated[str, AfterValidator(_taint)]
FilePath = Annotated[str, AfterValidator(_file_path)]
HostName = Annotated[str, AfterValidator(_host_name)]
Process = Annotated[str, AfterValidator(_process)]
Action = Annotated[str, AfterValidator(_action)]
Strategy = Literal["merge", "overwrite", "render"]
