"""The login that the site's registry asks for: the Clusterfile's, or one that the site made for itself.

The site's own password follows from its encryption key by HKDF (RFC 5869): every control plane comes to the
same one, nothing more has to be kept, and the key can't be found from it.
"""

import base64
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bundler.installer.site.model import Secret, SiteRegistry

USER: Final = "bundler"
_PURPOSE: Final = b"bundler: login of the site's registry"


@dataclass(frozen=True, slots=True)
class Login:
    """Who may pull. made: by the site, so that its password is too long to be guessed."""

    username: str
    password: Secret
    made: bool

    def basic(self) -> str:
        """What stands in an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password.reveal()}".encode()).decode()


def login_of(registry: SiteRegistry, encryption_key: str) -> Login:
    """The Clusterfile's where it names one. encryption_key: the site's, in base64."""
    if registry.username:
        return Login(registry.username, registry.password or Secret(""), made=False)
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(
        encryption_key.encode()
    )
    return Login(USER, Secret(base64.urlsafe_b64encode(derived).decode().rstrip("=")), made=True)
