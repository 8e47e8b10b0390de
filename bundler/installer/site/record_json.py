"""The record as text: one line of JSON, the same on every control plane and in the cluster."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from bundler.installer.site.model import Role
from bundler.installer.site.record import SCHEMA, HostState, Product, Record, RecordedHost, Removed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_MOST: Final = 1 << 53  # of what is counted: generations and serials


def to_json(record: Record) -> str:
    """One line, keys sorted: equal records are equal texts."""
    return json.dumps(_plain(record), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Record | RecordedHost | Product | Removed):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value


def from_json(text: str) -> Record:
    """Read it again. Raises ValueError for what is no record, whatever else it may be.

    Of a record of a later schema only that and its age are read: the rest must not be acted upon.
    """
    try:
        return _checked(_record(json.loads(text)))
    except (TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _record(data: Mapping[str, Any]) -> Record:
    if int(data["schema"]) > SCHEMA:
        return Record(
            site_id=str(data.get("site_id", "")),
            name=str(data.get("name", "")),
            generation=int(data.get("generation", 0)),
            serial=int(data.get("serial", 0)),
            schema=int(data["schema"]),
        )
    plain = {field.name: data[field.name] for field in fields(Record) if field.name in data}
    lists = {
        "hosts": tuple(_host(each) for each in data.get("hosts", ())),
        "products": tuple(
            Product(each["name"], each["version"], each["key"], tuple(each["apps"]))
            for each in data.get("products", ())
        ),
        "removed": tuple(Removed(**each) for each in data.get("removed", ())),
    }
    return Record(**{**plain, **lists})


def _checked(record: Record) -> Record:
    """Raises ValueError where a part is of another type than ours: it would fail far from here."""
    _check(record, Record(site_id="", name=""))
    for host in record.hosts:
        _check(host, RecordedHost("", "", "", host.role, host.state))
    for product in record.products:
        _check(product, Product("", ""))
    for removed in record.removed:
        _check(removed, Removed("", "", ""))
    _numbers(record.secrets)
    for settings in (*record.settings.values(), *record.rolled.values()):
        _texts(settings, "settings")
    for name in ("fixed", "stored", "kept", "previous"):
        _texts(getattr(record, name), name)
    for host in record.hosts:
        _texts(host.labels, "labels")
    return record


def _check(part: "DataclassInstance", like: "DataclassInstance") -> None:
    for field in fields(like):
        value, sample = getattr(part, field.name), getattr(like, field.name)
        if type(value) is not type(sample):
            raise ValueError(f"{field.name} is no {type(sample).__name__}")
        if isinstance(value, int) and not 0 <= value <= _MOST:
            raise ValueError(f"{field.name} is no number from 0 to {_MOST}")


def _numbers(values: Mapping[str, Any]) -> None:
    if not isinstance(values, dict) or not all(type(each) is int for each in values.values()):
        raise ValueError("secrets is no mapping of numbers")


def _texts(values: Mapping[str, Any], name: str) -> None:
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
        raise ValueError(f"{name} is no mapping of texts")


def _host(data: Mapping[str, Any]) -> RecordedHost:
    kinds = {
        "role": Role(data["role"]),
        "state": HostState(data["state"]),
        "taints": frozenset(data["taints"]),
    }
    return RecordedHost(**{**data, **kinds})
