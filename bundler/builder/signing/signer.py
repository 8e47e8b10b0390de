"""Who signs a .run: a private key's file, or a key that ssh-agent has."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from bundler.builder.signing import passphrase
from bundler.builder.signing.ssh_agent import Agent, Identity
from bundler.core import sshwire
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import ED25519, FINGERPRINT, PublicKey
from bundler.core.sshsig import Sign, Signature

_MAX_KEY: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A key that is at hand. Called with a message, it gives the signature; TRUST when an agent refuses."""

    key: PublicKey
    sign: Sign

    def __call__(self, message: bytes) -> Signature:
        """Sign, and hold the signature against the key: an agent's answer is not taken unseen."""
        made = Signature.make(self.key, message, self.sign)
        made.verify(message)
        return made


def find_signer(
    words: str,
    passphrase_file: Path | None = None,
    ask: Callable[[str], bytes] = passphrase.asked,
) -> KeySigner:
    """The signer that `--sign` and `--key` name: `FILE`, `agent` or `agent:SHA256:…`.

    Raises BundlerError: NOT_FOUND for a file, an agent or a key that isn't there, USAGE when the agent has
    several keys and none is named, INPUT for no private key or a wrong passphrase, UNSUPPORTED for keys
    other than Ed25519.
    """
    if words == "agent" or words.startswith("agent:"):
        return _of_agent(words.removeprefix("agent").removeprefix(":"))
    return _of_file(Path(words), passphrase_file, ask)


def _of_agent(fingerprint: str) -> KeySigner:
    if fingerprint and not FINGERPRINT.fullmatch(fingerprint):
        raise BundlerError(
            f"not a fingerprint: {fingerprint[:80]!r}",
            code=ExitCode.USAGE,
            fix="write agent:SHA256:…, as ssh-add -l shows it",
        )
    with Agent() as agent:
        key = _chosen(agent.identities(), fingerprint).key

    def sign(data: bytes) -> bytes:
        with Agent() as agent:  # anew: a build may take longer than an agent waits
            return agent.sign(key, data)

    return KeySigner(key, sign)


def _chosen(found: tuple[Identity, ...], fingerprint: str) -> Identity:
    fits = [each for each in found if not fingerprint or each.key.fingerprint == fingerprint]
    if len(fits) == 1:
        return fits[0]
    have = "\n    ".join(f"{each.key.fingerprint} {each.comment}" for each in found)
    raise BundlerError(
        "ssh-agent has several Ed25519 keys" if fits else "ssh-agent doesn't have the key",
        why=f"it has:\n    {have}" if found else "it has no Ed25519 keys",
        code=ExitCode.USAGE if fits else ExitCode.NOT_FOUND,
        fix="name one: agent:SHA256:…" if fits else "add it: ssh-add KEY",
    )


def _of_file(path: Path, passphrase_file: Path | None, ask: Callable[[str], bytes]) -> KeySigner:
    data = _read(path)
    private: object
    try:
        private = load_ssh_private_key(data, password=None)
    except TypeError:  # how the library says that it is encrypted
        private = _decrypted(path, data, passphrase_file, ask)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, str(error)) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise BundlerError(
            "the key is not an Ed25519 key",
            where=path,
            code=ExitCode.UNSUPPORTED,
            fix="`bundler keygen NAME` or `ssh-keygen -t ed25519` makes one; for one in a token use agent",
        )
    public = PublicKey(ED25519, private.public_key().public_bytes_raw())
    head = sshwire.string(ED25519.encode())
    return KeySigner(public, lambda message: head + sshwire.string(private.sign(message)))


def _decrypted(path: Path, data: bytes, passphrase_file: Path | None, ask: Callable[[str], bytes]) -> object:
    secret = passphrase.given(passphrase_file)
    if secret is None:
        secret = ask(f"Passphrase for {path}: ")
    try:
        return load_ssh_private_key(data, password=secret)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, f"the passphrase is wrong, or the file is damaged ({error})") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_KEY)
    except OSError as error:
        raise BundlerError(
            "the private key can't be read",
            where=path,
            why=error.strerror or str(error),
            code=ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.INPUT,
            fix="name a file that `bundler keygen` made, or agent for a key that ssh-agent has",
        ) from error


def _no_key(path: Path, why: str) -> BundlerError:
    return BundlerError(
        "this is not a private key that can be used",
        where=path,
        why=why,
        code=ExitCode.INPUT,
        fix="name the private half of an OpenSSH key pair, the one without .pub",
    )
