"""The site's own secrets: a certificate authority, the registries' certificates, their htpasswd line.

They are made once and kept on every control plane (`STORE`, mode 0600, written by the plan). A later run
reads them there first (`READ_SCRIPT`) and renews only what no longer holds, so that nothing on the site
changes without a need. Each registry has a certificate of its own: one more leaves the others as they are.

Certificates follow RFC 5280; keys are ECDSA P-256 (RFC 5480). The htpasswd line is bcrypt, the one form that
the registry reads.
"""

import base64
import ipaddress
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.registry_login import Login, login_of
from bundler.installer.site.model import Host, Site

STORE: Final = "/var/lib/bundler/secrets.json"
READ_SCRIPT: Final = f"if [ -f {STORE} ]; then cat {STORE}; fi"

CA_LIFETIME: Final = timedelta(days=3650)
SERVER_LIFETIME: Final = timedelta(days=365)  # as kubeadm's
_SLACK: Final = timedelta(hours=1)  # hosts' clocks may be a little behind ours


@dataclass(frozen=True, slots=True)
class ServerPair:
    """A server's certificate and its key, as PEM texts."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """PEM texts and the htpasswd line of the registry's login.

    registries: by the host's address. ca_before: the CA that `ca_certificate` has replaced, trusted beside it
    for as long as it lives, so that no pull fails while hosts change one by one. encryption_key: 32 bytes in
    base64, with which the cluster's Secrets are encrypted at rest; made once, since without it they can't be
    read any more. Private parts never show in a repr.
    """

    ca_certificate: str
    ca_key: str = field(repr=False)
    registries: Mapping[str, ServerPair]
    htpasswd: str = field(repr=False, default="")
    encryption_key: str = field(repr=False, default="")
    ca_before: str = ""

    @property
    def trusted(self) -> str:
        """The authorities by which hosts know the site's registries."""
        return f"{self.ca_certificate}{self.ca_before}"

    def to_json(self) -> str:
        """The form kept in `STORE`; what an older version would not read is left out where it is empty."""
        values = asdict(self)
        if not self.ca_before:
            del values["ca_before"]
        return json.dumps(values, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, or a version before several registries.

        Raises BundlerError (INPUT) for anything else.
        """
        try:
            values = json.loads(text)
            pairs = _pairs(values)
            if not all(isinstance(value, str) for value in values.values()):
                raise TypeError  # noqa: TRY301  (one answer to every way of being damaged)
            return cls(registries=pairs, **values)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise BundlerError(
                "the site's kept secrets can't be read",
                where=STORE,
                code=ExitCode.INPUT,
                fix=f"copy {STORE} from another control plane, or restore a snapshot: without it, the key "
                "is lost with which the cluster's Secrets are encrypted",
            ) from None


def _pairs(values: dict[str, Any]) -> Mapping[str, ServerPair]:
    """Take the registries' pairs out of the values. Raises KeyError, TypeError or AttributeError."""
    if "registries" not in values:  # there was one, whose address its certificate knows
        return {"": ServerPair(values.pop("registry_certificate"), values.pop("registry_key"))}
    pairs = {address: ServerPair(**pair) for address, pair in values.pop("registries").items()}
    if not all(isinstance(text, str) for pair in pairs.values() for text in (pair.certificate, pair.key)):
        raise TypeError
    return pairs


def kept(found: Iterable[str]) -> str:
    """Of what several control planes keep, in their order, the first that is something."""
    return next((text for text in found if text.strip()), "")


def renew(*, found: str, site: Site, now: datetime, here: str = "") -> Secrets:
    """What the site needs, keeping of `found` (the output of `READ_SCRIPT`) all that still holds.

    now: the installing machine's time, with a zone. A registry's certificate is renewed in the last third of
    its life, and when its names or its CA changed; the CA in the last third of its own. here: what the hosts
    keep, where `found` came from elsewhere: their registries' certificates stay if that CA issued them.
    Raises BundlerError (INPUT) when `found` is damaged.
    """
    old = Secrets.from_json(found) if found.strip() else None
    key = (old.encryption_key if old else "") or _new_encryption_key()
    ca = _kept_ca(old, now) or _new_ca(site, now)
    known = (*(old.registries.values() if old else ()), *_readable(here))
    return Secrets(
        ca_certificate=ca.certificate_pem,
        ca_key=ca.key_pem,
        registries={
            host.address: _server(known, ca, _names(site, host), now) for host in site.control_planes
        },
        htpasswd=_htpasswd(login_of(site.registry, key), old),
        encryption_key=key,
        ca_before=_ca_before(old, ca, now),
    )


def _readable(here: str) -> tuple[ServerPair, ...]:
    """The registries' pairs; none of a file that is damaged, as it is replaced."""
    try:
        return tuple(Secrets.from_json(here).registries.values()) if here.strip() else ()
    except BundlerError:
        return ()


def _server(
    known: Iterable[ServerPair], ca: "_Pair", names: x509.SubjectAlternativeName, now: datetime
) -> ServerPair:
    """One that is kept and still holds for these names, else a new one."""
    for text in known:
        if pair := _kept_server(text, ca, names, now):
            return ServerPair(pair.certificate_pem, pair.key_pem)
    pair = _new_server(ca, names, now)
    return ServerPair(pair.certificate_pem, pair.key_pem)


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()


def _load(certificate: str, key: str) -> _Pair | None:
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
        pair = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or pair.public_key() != private.public_key():
        return None
    return _Pair(pair, private)


def _fresh(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - life / 3


def _kept_ca(old: Secrets | None, now: datetime) -> _Pair | None:
    pair = _load(old.ca_certificate, old.ca_key) if old else None
    return pair if pair and _fresh(pair.certificate, now) else None


def _ca_before(old: Secrets | None, ca: _Pair, now: datetime) -> str:
    """The one that has just been replaced, or that was before, while it is valid."""
    replaced = old is not None and old.ca_certificate != ca.certificate_pem
    text = "" if old is None else old.ca_certificate if replaced else old.ca_before
    try:
        found = x509.load_pem_x509_certificate(text.encode()) if text else None
    except ValueError:  # a damaged one vouches for nothing
        return ""
    return text if found and found.not_valid_after_utc > now else ""


def _kept_server(
    text: ServerPair, ca: _Pair, names: x509.SubjectAlternativeName, now: datetime
) -> _Pair | None:
    pair = _load(text.certificate, text.key)
    if pair is None or not _fresh(pair.certificate, now):
        return None
    found = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    try:
        pair.certificate.verify_directly_issued_by(ca.certificate)
    except Exception:  # noqa: BLE001  (cryptography raises InvalidSignature, ValueError or TypeError: none of them is ours)
        return None
    return pair if found == names else None


def _new_ca(site: Site, now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"bundler site {site.name}"[:64])])
    usage = _key_usage(signs_certificates=True)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _new_server(ca: _Pair, names: x509.SubjectAlternativeName, now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bundler registry")]))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(min(now + SERVER_LIFETIME, ca.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(site: Site, host: Host) -> x509.SubjectAlternativeName:
    """A registry answers to the site's name for all of them, and to its host's address."""
    texts = dict.fromkeys([site.registry.domain, *host.addresses, *site.registry.names])
    return x509.SubjectAlternativeName([_general_name(text) for text in texts])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _new_encryption_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _htpasswd(login: Login, old: Secrets | None) -> str:
    # bcrypt reads no more than 72 bytes; newer versions of the library refuse longer input.
    password = login.password.reveal().encode()
    if not password or len(password) > 72:
        raise BundlerError(
            f"the registry's user {login.username!r} needs a password of 1 to 72 bytes",
            where="spec.registry.localRegistry.password",
            code=ExitCode.INPUT,
        )
    if old and _matches(old.htpasswd, login.username, password):
        return old.htpasswd
    # The registry hashes anew at each request. Rounds protect short passwords; 32 random bytes need none.
    hashed = bcrypt.hashpw(password, bcrypt.gensalt(4 if login.made else 10))
    return f"{login.username}:{hashed.decode()}\n"


def _matches(line: str, username: str, password: bytes) -> bool:
    user, _, hashed = line.strip().partition(":")
    return user == username and hashed.startswith("$2") and bcrypt.checkpw(password, hashed.encode())
