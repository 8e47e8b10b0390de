"""A bill as CycloneDX 1.6 JSON. Pure: equal bills give equal bytes.

Parts are told once each; `dependencies` says what holds what, and `compositions` names the parts of which
not all could be read. Without a date there is no timestamp. The serial number is made of the content.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from bundler.builder.sbom.bill import Bill, Part, Sort
from bundler.builder.sbom.licences import Licence, combined
from bundler.core.index import canonical

_TYPES = {
    Sort.PRODUCT: "application",
    Sort.IMAGE: "container",
    Sort.CHART: "application",
    Sort.FILE: "file",
    Sort.PACKAGE: "library",
    Sort.INSTALLER: "application",
}


def cyclonedx(bill: Bill, *, version: str) -> bytes:
    """The document. version: bundler's."""
    tool = {"type": "application", "name": "bundler", "version": version}
    metadata: dict[str, Any] = {"tools": {"components": [tool]}, "component": _component(bill.product)}
    if bill.created is not None:
        metadata["timestamp"] = datetime.fromtimestamp(bill.created, UTC).isoformat()
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": [_component(part) for part in bill.parts],
        "dependencies": [{"ref": ref, "dependsOn": list(held)} for ref, held in bill.holds.items()],
        "compositions": list(_compositions(bill)),
    }
    serial = uuid5(NAMESPACE_URL, canonical(document).decode())
    return canonical(document | {"serialNumber": f"urn:uuid:{serial}"}) + b"\n"


def _component(part: Part) -> dict[str, Any]:
    told: dict[str, Any] = {"type": _TYPES[part.sort], "bom-ref": part.ref, "name": part.name}
    if part.version:
        told["version"] = part.version
    if part.purl:
        told["purl"] = part.purl
    if part.digest is not None:
        told["hashes"] = [{"alg": "SHA-256", "content": part.digest.hex}]
    if part.licences:
        told["licenses"] = _licences(part.licences)
    if part.paths:
        told["evidence"] = {"occurrences": [{"location": path} for path in part.paths]}
    properties = [*part.properties, *(("bundler:not-read", gap) for gap in part.gaps)]
    if properties:
        told["properties"] = [{"name": name, "value": value} for name, value in properties]
    return told


def _licences(licences: Sequence[Licence]) -> list[dict[str, Any]]:
    """Single licences, or one expression: the format takes one or the other."""
    if any(not each.simple for each in licences) and all(each.expression for each in licences):
        return [{"expression": combined(licences)}]
    return [
        {"license": {"id": each.expression} if each.simple else {"name": each.stated}} for each in licences
    ]


def _compositions(bill: Bill) -> Iterator[dict[str, Any]]:
    """`assemblies` are the parts whose contents are meant."""
    incomplete = [part.ref for part in bill.parts if part.gaps]
    if incomplete:
        yield {"aggregate": "incomplete", "assemblies": incomplete}
