"""Certificates as the script prints them on a host, from real files; keys beside them never leave it."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bundler.installer.facts.certificates import certificates
from bundler.installer.facts.gather import sections
from bundler.installer.scripts.render import load

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def pair(days: int, *names: str) -> tuple[str, str]:
    """A certificate and its key as PEM texts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "someone")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def asked(root: Path) -> str:
    """What a host with these files would answer."""
    text = load("observe-certificates.sh")
    for folder in ("/etc/", "/var/lib/"):
        text = text.replace(folder, f"{root}{folder}")
    script = f'tell() {{ echo "@@$1"; }}\n{text}\ntell end\n'
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_hosts_certificates_are_read_and_no_key_is_shown(tmp_path: Path) -> None:
    ca, _ = pair(3650)
    old_ca, _ = pair(10)
    server, server_key = pair(300, "apiserver.cluster.local", "n1")
    client, client_key = pair(20)
    put(tmp_path, "etc/kubernetes/pki/ca.crt", ca + old_ca)
    put(tmp_path, "etc/kubernetes/pki/apiserver.crt", server)
    put(tmp_path, "etc/kubernetes/pki/apiserver.key", server_key)
    encoded = base64.b64encode(client.encode()).decode()
    put(tmp_path, "etc/kubernetes/admin.conf", f"users:\n- user:\n    client-certificate-data: {encoded}\n")
    put(tmp_path, "var/lib/kubelet/pki/kubelet-client-current.pem", client + client_key)
    put(tmp_path, "etc/bundler/registry.crt", server)
    answer = asked(tmp_path)
    assert "PRIVATE" not in answer
    found = certificates(sections(answer)["certificates"])
    assert [(each.name, each.authority, each.of_cluster) for each in found] == [
        ("ca", True, False),
        ("ca", True, False),
        ("apiserver", False, True),
        ("admin.conf", False, True),
        ("kubelet-client", False, True),
        ("site/registry", False, False),
    ]
    by_name = {each.name: each for each in found}
    assert by_name["apiserver"].names == {"apiserver.cluster.local", "n1"}
    assert by_name["kubelet-client"].not_after == (NOW + timedelta(days=20)).timestamp()
    assert len({each.fingerprint for each in found if each.authority}) == 2


def test_a_host_without_kubernetes_has_none(tmp_path: Path) -> None:
    assert certificates(sections(asked(tmp_path))["certificates"]) == ()


def test_what_is_no_certificate_counts_as_not_observed() -> None:
    cut = ["name ca", "-----BEGIN CERTIFICATE-----", "bm8=", "-----END CERTIFICATE-----", "name apiserver"]
    assert certificates(cut) == ()
