"""Keys and signatures against OpenSSH itself: ssh-keygen in both directions, and ssh-agent."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import PublicKey
from bundler.core.sshsig import Signature
from tests.kits.run_files import make_run

pytestmark = pytest.mark.real

SECRET = "correct horse"


def tool(
    *argv: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*map(str, argv)],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | (env or {}),
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def bundler(*argv: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return tool(sys.executable, "-m", "bundler.builder", *argv, env=env)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key pair made by ssh-keygen."""
    path = tmp_path / "vendor"
    assert tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vendor", "-f", path).returncode == 0
    return path


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "product.run"
    make_run(path)
    return path


def ssh_keygen_accepts(product: Path, public: Path) -> bool:
    """What anybody can do who has the public key and no tool of ours."""
    folder = product.parent
    data = product.read_bytes()[-8192:]
    (folder / "sig").write_bytes(data[4096:])
    (folder / "allowed").write_text(f"vendor {public.read_text()}")
    words = ("-f", folder / "allowed", "-I", "vendor", "-n", "bundler-run", "-s", folder / "sig")
    return tool("ssh-keygen", "-Y", "verify", *words, stdin=data[:4096]).returncode == 0


def test_what_we_sign_ssh_keygen_accepts(product: Path, key: Path) -> None:
    public = key.with_suffix(".pub")
    before = product.read_bytes()
    done = bundler("sign", product, "--key", key)
    assert done.returncode == 0, done.stderr
    assert PublicKey.parse(public.read_text()).fingerprint in done.stdout
    assert ssh_keygen_accepts(product, public)
    after = product.read_bytes()
    assert (after[:-4096], len(after)) == (before[:-4096], len(before))
    damaged = bytearray(after)
    damaged[-8000] ^= 1
    product.write_bytes(damaged)
    assert not ssh_keygen_accepts(product, public)


def test_our_bytes_are_those_of_ssh_keygen(product: Path, key: Path, tmp_path: Path) -> None:
    message = product.read_bytes()[-8192:-4096]
    (tmp_path / "seal").write_bytes(message)
    assert (
        tool("ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "bundler-run", tmp_path / "seal").returncode
        == 0
    )
    assert bundler("sign", product, "--key", key).returncode == 0
    theirs = (tmp_path / "seal.sig").read_bytes()
    assert product.read_bytes()[-4096:] == theirs.ljust(4096, b"\n")
    Signature.dearmor(theirs).verify(message)


def test_a_signature_made_elsewhere_is_put_in(product: Path, key: Path, tmp_path: Path) -> None:
    (tmp_path / "seal").write_bytes(product.read_bytes()[-8192:-4096])
    (tmp_path / "other").write_bytes(b"another seal")
    for name in ("seal", "other"):
        tool(
            "ssh-keygen",
            "-q",
            "-Y",
            "sign",
            "-f",
            key,
            "-n",
            "bundler-run",
            "-O",
            "hashalg=sha256",
            tmp_path / name,
        )
    wrong = bundler("sign", product, "--signature", tmp_path / "other.sig")
    assert (wrong.returncode, "signature is wrong" in wrong.stderr) == (ExitCode.TRUST, True)
    assert bundler("sign", product, "--signature", tmp_path / "seal.sig").returncode == 0
    assert ssh_keygen_accepts(product, key.with_suffix(".pub"))


def test_openssh_uses_the_keys_that_we_make(tmp_path: Path, product: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    made = bundler("keygen", tmp_path / "key", "--comment", "our  vendor", "--passphrase-file", secret)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    shown = tool("ssh-keygen", "-l", "-f", tmp_path / "key.pub").stdout.split()
    assert shown[:2] == ["256", made.stdout.split()[-1]]
    assert shown[2:4] == ["our", "vendor"]
    derived = tool("ssh-keygen", "-y", "-P", SECRET, "-f", tmp_path / "key")
    assert derived.stdout.split()[:2] == (tmp_path / "key.pub").read_text().split()[:2]
    assert tool("ssh-keygen", "-y", "-P", "wrong", "-f", tmp_path / "key").returncode != 0
    signed = bundler("sign", product, "--key", tmp_path / "key", env={"BUNDLER_PASSPHRASE": SECRET})
    assert signed.returncode == 0, signed.stderr
    assert ssh_keygen_accepts(product, tmp_path / "key.pub")
    again = bundler("keygen", tmp_path / "key", "--passphrase-file", secret)
    assert (again.returncode, "there already" in again.stderr) == (ExitCode.USAGE, True)


def test_a_passphrase_is_needed_and_has_to_be_right(product: Path, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", SECRET, "-f", key)
    none = bundler("sign", product, "--key", key)
    assert (none.returncode, "--passphrase-file" in none.stderr) == (ExitCode.USAGE, True)
    wrong = bundler("sign", product, "--key", key, env={"BUNDLER_PASSPHRASE": "wrong"})
    assert (wrong.returncode, "passphrase is wrong" in wrong.stderr) == (ExitCode.INPUT, True)
    right = bundler("sign", product, "--key", key, env={"BUNDLER_PASSPHRASE": SECRET})
    assert right.returncode == 0, right.stderr


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_are_refused(product: Path, tmp_path: Path, kind: str) -> None:
    key = tmp_path / kind
    tool("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key)
    done = bundler("sign", product, "--key", key)
    assert (done.returncode, "ed25519" in done.stderr) == (ExitCode.UNSUPPORTED, True)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["sign", "RUN"], ExitCode.USAGE),
        (["sign", "RUN", "--key", "/nowhere"], ExitCode.NOT_FOUND),
        (["sign", "RUN", "--key", "RUN"], ExitCode.INPUT),
        (["sign", "RUN", "--key", "KEY", "--signature", "RUN"], ExitCode.USAGE),
        (["sign", "RUN", "--signature", "/nowhere"], ExitCode.NOT_FOUND),
        (["sign", "RUN", "--signature", "KEY"], ExitCode.INTEGRITY),
        (["sign", "KEY", "--key", "KEY"], ExitCode.INTEGRITY),
        (["sign", "RUN", "--key", "agent"], ExitCode.NOT_FOUND),
        (["sign", "RUN", "--key", "agent:xyz"], ExitCode.USAGE),
        (["keygen", "/nowhere/key"], ExitCode.USAGE),
    ],
)
def test_wrong_use_has_its_code(product: Path, key: Path, argv: list[str], code: ExitCode) -> None:
    words = [word.replace("RUN", str(product)).replace("KEY", str(key)) for word in argv]
    done = bundler(*words, env={"BUNDLER_PASSPHRASE": ""})
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_signs_a_damaged_file(product: Path, key: Path) -> None:
    data = bytearray(product.read_bytes())
    data[100_000] ^= 1
    product.write_bytes(data)
    done = bundler("sign", product, "--key", key)
    assert (done.returncode, "damaged" in done.stderr) == (ExitCode.INTEGRITY, True)
    assert product.read_bytes() == data


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An ssh-agent of the test's own; the environment in which it is found."""
    assert shutil.which("ssh-agent"), "apt-get install openssh-client"
    child = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()  # it tells its place once it listens
    yield {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
    child.send_signal(signal.SIGTERM)
    child.wait(10)


def test_an_agent_signs(product: Path, key: Path, agent: dict[str, str], tmp_path: Path) -> None:
    empty = bundler("sign", product, "--key", "agent", env=agent)
    assert (empty.returncode, "no Ed25519 keys" in empty.stderr) == (ExitCode.NOT_FOUND, True)
    other, rsa = tmp_path / "other", tmp_path / "rsa"
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other)
    tool("ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", rsa)
    tool("ssh-add", rsa, key, env=agent)
    assert bundler("sign", product, "--key", "agent", env=agent).returncode == 0
    assert ssh_keygen_accepts(product, key.with_suffix(".pub"))
    tool("ssh-add", other, env=agent)
    several = bundler("sign", product, "--key", "agent", env=agent)
    assert (several.returncode, "agent:SHA256" in several.stderr) == (ExitCode.USAGE, True)
    public = PublicKey.parse(other.with_suffix(".pub").read_text())
    assert bundler("sign", product, "--key", f"agent:{public.fingerprint}", env=agent).returncode == 0
    assert ssh_keygen_accepts(product, other.with_suffix(".pub"))
    tool("ssh-add", "-x", env=agent)
    absent = bundler("sign", product, "--key", f"agent:SHA256:{'a' * 43}", env=agent)
    assert absent.returncode == ExitCode.NOT_FOUND


def test_make_signs(tmp_path: Path, key: Path) -> None:
    import gzip  # noqa: PLC0415  (this test alone needs it)

    project, runtime, target = tmp_path / "shop", tmp_path / "runtime.tar.gz", tmp_path / "shop.run"
    project.mkdir()
    (project / "Kubefile").write_text('FROM scratch\nCMDS ["true"]\n')
    runtime.write_bytes(gzip.compress(bytes(10240), mtime=0))  # an empty tar
    common = ("make", project, "-o", target, "--runtime", runtime, "--cache", tmp_path / "cache")
    done = bundler(*common, "--sign", key)
    assert done.returncode == 0, done.stderr
    assert ssh_keygen_accepts(target, key.with_suffix(".pub"))
    with Bundle.open(target) as bundle:
        bundle.check()
    target.unlink()
    assert bundler(*common, "--sign", "/nowhere").returncode == ExitCode.NOT_FOUND
    assert not target.exists()


def test_a_file_that_changed_meanwhile_is_not_signed(product: Path, key: Path) -> None:
    from bundler.builder.signing.signer import find_signer  # noqa: PLC0415  (this test alone works inside)
    from bundler.core.archive import signature  # noqa: PLC0415  (as above)

    with Bundle.open(product) as bundle:
        made = find_signer(str(key))(bundle.seal.to_bytes())
        make_run(product, files={"other": b"content"})
        with pytest.raises(BundlerError) as caught:
            signature.write(product, bundle.seal, made)
    assert caught.value.code is ExitCode.INTEGRITY
    with Bundle.open(product) as bundle:
        assert bundle.signature() is None
