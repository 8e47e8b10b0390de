"""A token server for a real docker-registry (distribution's token specification), over TLS on loopback."""

import base64
import contextlib
import http.client
import http.server
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.kits.servers import certify
from tests.real.registry_kit import PASSWORD, USER

ISSUER, SERVICE = "test issuer", "test registry"
REFRESH = "an-identity-token"
PUBLIC = "public/"  # repositories that anybody may read


@dataclass
class TokenServer:
    """`asked`: what each request wanted. stale: how many tokens have run out when they are given."""

    folder: Path
    base: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    stale: int = 0

    @property
    def auth(self) -> dict[str, object]:
        """What the registry's config.yml says."""
        bundle = str(self.folder / "tls.crt")
        return {
            "token": {
                "realm": f"{self.base}/token",
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": bundle,
            }
        }

    def token(self, scope: str, *, known: bool) -> str:
        """A JSON web token (RFC 7519) for what of the scope is allowed."""
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = actions.split(",") if known else ["pull"] if name.startswith(PUBLIC) else []
        now = int(time.time())
        end = now + 300
        if self.stale and actions == "pull":
            self.stale -= 1
            end = now - 300
        claims = {
            "iss": ISSUER, "sub": USER, "aud": SERVICE, "jti": str(time.monotonic_ns()),
            "iat": now - 600, "nbf": now - 600, "exp": end,
            "access": [{"type": kind, "name": name, "actions": allowed}] if scope else [],
        }  # fmt: skip
        certificate = x509.load_pem_x509_certificate((self.folder / "tls.crt").read_bytes())
        chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
        signed = f"{_part({'typ': 'JWT', 'alg': 'ES256', 'x5c': chain})}.{_part(claims)}"
        key = serialization.load_pem_private_key((self.folder / "tls.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        first, second = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_url(first.to_bytes(32, 'big') + second.to_bytes(32, 'big'))}"


@contextlib.contextmanager
def serving_tokens(folder: Path) -> Iterator[TokenServer]:
    """A running token server; its certificate (tls.crt in the folder) is also the one that signs tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    certify(folder / "tls.crt", folder / "tls.key")
    server = TokenServer(folder)
    login = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
            given = self.headers.get("Authorization", "")
            self.give(
                asked | {"method": "GET", "login": given},
                known=given == login,
                refused=given not in {"", login},
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = dict(urllib.parse.parse_qsl(body))
            known = asked.get("grant_type") == "refresh_token" and asked.get("refresh_token") == REFRESH
            self.give(asked | {"method": "POST"}, known=known, refused=not known)

        def give(self, asked: dict[str, str], *, known: bool, refused: bool) -> None:
            server.asked.append(asked)
            token = server.token(asked.get("scope", ""), known=known)
            body = b"{}" if refused else json.dumps({"token": token, "access_token": token}).encode()
            self.send_response(401 if refused else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with _listening(folder, Handler) as port:
        server.base = f"https://127.0.0.1:{port}"
        yield server


@contextlib.contextmanager
def _listening(folder: Path, handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port at which it answers, over TLS with the folder's certificate."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield httpd.server_address[1]
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(10)


@contextlib.contextmanager
def offering(folder: Path, upstream: str, *offers: str) -> Iterator[str]:
    """A TLS front of a registry whose 401 offers more than the registry's own challenge: its HOST:PORT.

    offers: WWW-Authenticate headers, each with TOKEN where the registry's own challenge goes.
    """
    trust = ssl.create_default_context(cafile=str(folder / "tls.crt"))

    class Front(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            there = http.client.HTTPSConnection(upstream, context=trust, timeout=10)
            there.request(self.command, self.path, body, dict(self.headers))
            answer = there.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() == "www-authenticate":
                    for offer in offers:
                        self.send_header(name, offer.replace("TOKEN", value))
                elif name.lower() not in {"connection", "date"}:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
            there.close()

        do_GET = do_HEAD = forward  # noqa: N815  (http.server's names)

        def log_message(self, *_: object) -> None:
            pass

    with _listening(folder, Front) as port:
        yield f"127.0.0.1:{port}"


def _part(document: dict[str, object]) -> str:
    return _url(json.dumps(document).encode())


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
