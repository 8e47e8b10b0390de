"""`bundler sign`: put a signature into a .run that is there already."""

from pathlib import Path

from bundler.builder.signing.signer import KeySigner
from bundler.core.archive import Bundle
from bundler.core.archive import signature as signatures
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshsig import Signature


def sign_file(path: Path, signer: KeySigner) -> Signature:
    """Sign a .run in place, once every byte of it is verified.

    Raises BundlerError: INTEGRITY for a damaged file, TRUST when an agent refuses, USAGE when the file can't
    be written.
    """
    with Bundle.open(path) as bundle:
        bundle.check(signature=False)  # a damaged file is never signed
        signature = signer(bundle.seal.to_bytes())
        signatures.write(path, bundle.seal, signature)
    return signature


def attach(path: Path, armor: Path) -> Signature:
    """Put a signature into a .run that was made elsewhere. Raises like `sign_file`, NOT_FOUND, INPUT."""
    try:
        data = armor.read_bytes() if armor.stat().st_size <= signatures.MAX_FILE else b""
    except OSError as error:
        raise BundlerError(
            "the signature can't be read",
            where=armor,
            why=error.strerror or str(error),
            code=ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.INPUT,
        ) from error
    with Bundle.open(path) as bundle:
        bundle.check(signature=False)  # a damaged file is never signed
        signature = Signature.dearmor(data)
        signature.verify(bundle.seal.to_bytes())
        signatures.write(path, bundle.seal, signature)
    return signature
