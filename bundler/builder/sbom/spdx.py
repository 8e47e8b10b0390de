"""A bill as SPDX 2.3 JSON. Pure: equal bills give equal bytes.

Everything is a package that was not analyzed, files too (purpose FILE): SPDX's own file entries want SHA-1,
which nothing here vouches by. `created` is a must; where nobody gives a date it is the epoch.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from bundler.builder.sbom.bill import Bill, Part, Sort
from bundler.builder.sbom.licences import Licence, combined
from bundler.core.index import canonical

_DOCUMENT = "SPDXRef-DOCUMENT"
_NONE = "NOASSERTION"
_PURPOSES = {
    Sort.PRODUCT: "APPLICATION",
    Sort.IMAGE: "CONTAINER",
    Sort.CHART: "APPLICATION",
    Sort.FILE: "FILE",
    Sort.PACKAGE: "LIBRARY",
    Sort.INSTALLER: "APPLICATION",
}


def spdx(bill: Bill, *, version: str) -> bytes:
    """The document. version: bundler's."""
    ids = {part.ref: _id(part) for part in (bill.product, *bill.parts)}
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{bill.product.name}-{bill.product.version}",
        "creationInfo": {
            "created": datetime.fromtimestamp(bill.created or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: bundler-{version}"],
        },
        "packages": [_package(part) for part in (bill.product, *bill.parts)],
        "relationships": [
            _related(_DOCUMENT, "DESCRIBES", ids[bill.product.ref]),
            *(
                _related(ids[ref], "CONTAINS", ids[held])
                for ref, several in bill.holds.items()
                for held in several
            ),
        ],
    }
    if others := list(_other_licences(bill)):
        document["hasExtractedLicensingInfos"] = others
    name = uuid5(NAMESPACE_URL, canonical(document).decode())
    return canonical(document | {"documentNamespace": f"urn:uuid:{name}"}) + b"\n"


def _id(part: Part) -> str:
    return f"SPDXRef-{part.sort.value}-{sha256(part.ref.encode()).hexdigest()[:16]}"


def _package(part: Part) -> dict[str, Any]:
    told: dict[str, Any] = {
        "SPDXID": _id(part),
        "name": part.name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": combined(part.licences) or _NONE,
        "copyrightText": _NONE,
        "primaryPackagePurpose": _PURPOSES[part.sort],
    }
    if part.version:
        told["versionInfo"] = part.version
    if part.digest is not None:
        told["checksums"] = [{"algorithm": "SHA256", "checksumValue": part.digest.hex}]
    if part.purl:
        told["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": part.purl,
            }
        ]
    if part.paths:
        told["sourceInfo"] = "found in " + ", ".join(part.paths)
    if part.gaps:
        told["comment"] = "What it holds may not be told completely. Not read: " + "; ".join(part.gaps)
    return told


def _related(one: str, how: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}


def _other_licences(bill: Bill) -> Iterator[dict[str, str]]:
    """The licences that SPDX has no identifier for, by their names here."""
    others: dict[str, Licence] = {
        each.reference: each for part in bill.parts for each in part.licences if not each.expression
    }
    for reference, each in sorted(others.items()):
        yield {
            "licenseId": reference,
            "name": each.stated,
            "extractedText": f"The package states only this name: {each.stated}",
        }
