"""The Clusterfile as a JSON Schema, for editors that complete and check while somebody types.

Made from the models that reading uses, so that the two can't differ. A file has several documents; the schema
is of each one, by its `kind`.
"""

from typing import Any, Final

from bundler.installer.site.clusterfile import schema
from bundler.installer.site.clusterfile.kubeadm_fields import FIELDS, known
from bundler.installer.site.clusterfile.schema import (
    API_VERSIONS,
    KINDS,
    KUBEADM_CONFIG,
    NATIVE,
    RAW_KINDS,
    Native,
)

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def json_schema() -> Schema:
    """Of one document of a Clusterfile."""
    definitions: Schema = {}
    for name, model in KINDS.items():
        made = model.model_json_schema(by_alias=True)
        for inner, definition in made.pop("$defs", {}).items():
            definitions[inner] = definition
        definitions[f"kind.{name}"] = _of_kind(name, made)
    definitions |= {f"kind.{kind}": _raw(kind) for kind in RAW_KINDS}
    definitions[f"kind.{KUBEADM_CONFIG}"] = _mixed()
    kinds = (*KINDS, *RAW_KINDS, KUBEADM_CONFIG)
    return {
        "$schema": DRAFT,
        "title": "Clusterfile",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": list(kinds)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/kind.{kind}"},
            }
            for kind in kinds
        ],
        "$defs": _told_native(definitions),
    }


def _of_kind(name: str, made: Schema) -> Schema:
    properties: Schema = dict(made["properties"])
    properties["kind"] = {"const": name}
    properties["apiVersion"] = {"enum": sorted(API_VERSIONS[name])}
    properties["status"] = {}
    return {**made, "properties": properties}


def _raw(kind: str) -> Schema:
    """Kubernetes' own: names of fields, values are theirs."""
    fields: Schema = {name: {} for name in sorted(known(FIELDS[kind]))}
    api = {"type": "string", "pattern": f"^{RAW_KINDS[kind]}/"}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {"apiVersion": api, "kind": {"const": kind}, **fields},
    }


def _mixed() -> Schema:
    fields = sorted({name for kind in RAW_KINDS for name in known(FIELDS[kind])})
    spec = {"type": "object", "additionalProperties": False, "properties": {name: {} for name in fields}}
    head = {"apiVersion": {"enum": sorted(API_VERSIONS[KUBEADM_CONFIG])}, "kind": {"const": KUBEADM_CONFIG}}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["spec"],
        "properties": {**head, "metadata": {"type": "object"}, "status": {}, "spec": spec},
    }


def _told_native(definitions: Schema) -> Schema:
    """Fields of `bundler/v1` alone say so."""
    for model in _models():
        properties = definitions.get(model.__name__, {}).get("properties", {})
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key in properties and any(isinstance(mark, Native) for mark in field.metadata):
                properties[key] = {**properties[key], "description": f"apiVersion {NATIVE} only"}
    return definitions


def _models() -> list[Any]:
    found = (getattr(schema, name) for name in dir(schema))
    return [each for each in found if isinstance(each, type) and issubclass(each, schema.Model)]
