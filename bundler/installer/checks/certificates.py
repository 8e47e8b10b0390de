"""When a certificate of a host ends, from its DER bytes in base64. Pure."""

import base64
import binascii
from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Expiry:
    """A certificate's file and its end, in seconds since the epoch."""

    path: str
    ends: float


def expiry(path: str, encoded: str) -> Expiry:
    """Raises ValueError for what is no certificate."""
    try:
        der = base64.b64decode(encoded[: 64 << 10], validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return Expiry(path, x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp())
