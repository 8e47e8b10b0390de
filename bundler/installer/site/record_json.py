"""The record as text: one line of JSON, the same on every control plane and in the cluster."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bundler.installer.site.model import Role
from bundler.installer.site.record import SCHEMA, HostState, Product, Record, RecordedHost, Removed


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
    """Read it again. Raises ValueError, KeyError or TypeError for what is no record.

    Of a record of a later schema only that and its age are read: the rest must not be acted upon.
    """
    data: dict[str, Any] = json.loads(text)
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


def _host(data: Mapping[str, Any]) -> RecordedHost:
    kinds = {
        "role": Role(data["role"]),
        "state": HostState(data["state"]),
        "taints": frozenset(data["taints"]),
    }
    return RecordedHost(**{**data, **kinds})
