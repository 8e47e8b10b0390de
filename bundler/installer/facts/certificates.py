"""Certificates of a host as observe.sh prints them: `name NAME`, then PEM blocks; only their public parts."""

import contextlib
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from bundler.installer.facts.observed import Certificate

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"


def certificates(lines: Sequence[str]) -> tuple[Certificate, ...]:
    """Every certificate that can be read; of a file with several leaves, the first counts."""
    found: list[Certificate] = []
    for name, pem in _blocks(lines):
        with contextlib.suppress(ValueError):
            made = _read(name, pem)
            if made.authority or all(each.name != name for each in found):
                found.append(made)
    return tuple(found)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    name, block = "", list[str]()
    for line in lines:
        if line.startswith("name "):
            name, block = line.removeprefix("name "), []
        elif line == _BEGIN:
            block = [line]
        elif block:
            block.append(line)
            if line == _END:
                yield name, "\n".join(block)
                block = []


def _read(name: str, pem: str) -> Certificate:
    found = x509.load_pem_x509_certificate(pem.encode())
    authority = name.endswith("ca")
    return Certificate(
        name,
        found.not_valid_before_utc.timestamp(),
        found.not_valid_after_utc.timestamp(),
        frozenset() if authority else _names(found),
        authority=authority,
        fingerprint=found.fingerprint(hashes.SHA256()).hex()[:16] if authority else "",
    )


def _names(found: x509.Certificate) -> frozenset[str]:
    """DNS names and addresses."""
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = names.get_values_for_type(x509.IPAddress)
        return frozenset((*names.get_values_for_type(x509.DNSName), *(str(each) for each in addresses)))
    return frozenset()
