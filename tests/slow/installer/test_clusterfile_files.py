"""Files that a Clusterfile names: what is wrong with them is told before any host is asked."""

import subprocess
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode, Problems
from bundler.installer.site.clusterfile.read import read_file

SITE = """\
apiVersion: bundler/v1
kind: Cluster
metadata: {name: shop}
spec:
  ssh: {SSH}
  hosts:
  - {ips: [10.0.0.2-10.0.0.250], roles: [control-plane, worker]}
"""


def clusterfile(folder: Path, ssh: str) -> Path:
    file = folder / "site.yaml"
    file.write_text(SITE.replace("{SSH}", ssh))
    return file


def key(folder: Path, *options: str, passphrase: str = "") -> Path:
    path = folder / "key"
    command = ["ssh-keygen", "-q", "-N", passphrase, "-f", str(path), *options]
    subprocess.run(command, check=True)
    return path


RSA = ("-t", "rsa", "-b", "2048", "-m", "PEM")
ED25519 = ("-t", "ed25519")


@pytest.mark.parametrize("options", [RSA, ED25519, (*RSA[:4], "-m", "PKCS8"), ("-t", "ecdsa")])
def test_a_key_whose_passphrase_is_missing_is_told_before_500_hosts_refuse_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    key(tmp_path, *options, passphrase="correct horse")
    with pytest.raises(Problems) as caught:
        read_file(clusterfile(tmp_path, "{pk: key}"))
    (problem,) = caught.value.problems
    assert (caught.value.code, problem.rule) == (ExitCode.INPUT, "wrong-key")
    assert problem.message == f"{tmp_path}/key needs a passphrase"
    assert len(read_file(clusterfile(tmp_path, "{pk: key, pkPasswd: correct horse}")).hosts) == 249


@pytest.mark.parametrize("options", [RSA, ED25519, (*RSA[:4], "-m", "PKCS8"), ("-t", "ecdsa")])
def test_a_key_without_a_passphrase_serves(tmp_path: Path, options: tuple[str, ...]) -> None:
    key(tmp_path, *options)
    assert len(read_file(clusterfile(tmp_path, "{pk: key}")).hosts) == 249


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI x@y\n", "is a public key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "is a key of PuTTY"),
        ("hunter2\n", "holds no private key"),
        ("", "holds no private key"),
        ("-----BEGIN CERTIFICATE-----\nAA==\n", "holds no private key"),
        ("\xff\xfe\x00\x01" * 9000, "holds no private key"),
    ],
)
def test_a_file_that_is_no_private_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "key").write_text(text, encoding="latin-1")
    with pytest.raises(Problems) as caught:
        read_file(clusterfile(tmp_path, "{pk: key}"))
    (problem,) = caught.value.problems
    assert problem.message == f"{tmp_path}/key {said}"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "said"), [("missing", "no such file"), ("folder", "it is a folder"), ("loop", "too many levels")]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, kind: str, said: str) -> None:
    path = tmp_path / "pw"
    match kind:
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
    with pytest.raises(Problems) as caught:
        read_file(clusterfile(tmp_path, "{passwordFile: pw}"))
    (problem,) = caught.value.problems
    assert (caught.value.code, problem.rule) == (ExitCode.NOT_FOUND, "missing-file")
    assert said in problem.message


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o644, True)]
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_password_that_others_may_read_is_warned_of_through_links_too(
    tmp_path: Path, mode: int, *, warned: bool, linked: bool
) -> None:
    real = tmp_path / "real"
    real.write_text("hunter2\n")
    real.chmod(mode)
    if linked:
        (tmp_path / "pw").symlink_to(real)
    else:
        real.rename(tmp_path / "pw")
    notes = read_file(clusterfile(tmp_path, "{passwordFile: pw}")).notices
    assert any("other users of this machine can read" in note for note in notes) is warned


def test_a_registrys_certificate_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "ca.crt").chmod(0o644)
    file = clusterfile(
        tmp_path, "{user: root}\n  registry: {externalRegistry: {domain: r.example, ca: ca.crt}}"
    )
    assert read_file(file).notices == ()
