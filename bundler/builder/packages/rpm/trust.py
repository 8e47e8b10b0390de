"""Signatures of rpm repositories: gpgv for repomd.xml, rpm itself for packages."""

import base64
import binascii
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bundler.core.errors import BundlerError, ExitCode

_SECONDS: Final = 120.0
# RFC 9580, 6.2: armour; the lines before the empty one are headers, the one after `=` is a checksum.
_ARMOUR: Final = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*\n(?:[^\n]*: [^\n]*\n)*\s*\n(.*?)(?:\n=[^\n]*)?\n-----END",
    re.DOTALL,
)


def keyring_of(keys: Iterable[tuple[str, bytes]]) -> bytes:
    """Keys, armoured or not, in the form that gpgv reads; each with its name for messages.

    Raises BundlerError (INPUT).
    """
    return b"".join(_unarmoured(name, data) for name, data in keys)


def _unarmoured(name: str, data: bytes) -> bytes:
    if not data.lstrip().startswith(b"-----BEGIN"):
        return data
    data = data.replace(b"\r\n", b"\n")
    try:
        blocks = [base64.b64decode(block, validate=False) for block in _ARMOUR.findall(data)]
    except binascii.Error:
        blocks = []
    if not blocks:
        fix = "name a file that begins with -----BEGIN PGP PUBLIC KEY BLOCK-----"
        raise BundlerError("there is no public key in it", where=name, code=ExitCode.INPUT, fix=fix)
    return b"".join(blocks)


def check_index(name: str, index: Path, signature: Path, keyring: Path) -> None:
    """Whether one of the keys has signed the index of the repository `name`.

    Raises BundlerError: TRUST, UNSUPPORTED where gpgv is missing.
    """
    done = _run("gpgv", ["--keyring", str(keyring), str(signature), str(index)])
    if done.returncode != 0:
        raise BundlerError(
            f"the metadata of the repository {name} is not signed by any of its keys",
            where=f"{name}: repomd.xml",
            why=done.stderr.strip(),
            code=ExitCode.TRUST,
            fix="check gpgkey, and that the mirror is complete; it may be in the middle of an update",
        )


class PackageKeys:
    """rpm's own check of packages. folder: empty, for a keyring of our own.

    Raises BundlerError: TRUST, INPUT for what rpm takes for no key, UNSUPPORTED where rpm is missing.
    """

    def __init__(self, folder: Path, keys: Sequence[tuple[str, bytes]]) -> None:
        self._words = ["--dbpath", str(folder / "db"), "--define", "_pkgverify_level all"]
        for number, (name, data) in enumerate(keys):
            path = folder / f"{number}.asc"
            path.write_bytes(data)
            done = _run("rpmkeys", [*self._words, "--import", str(path)])
            if done.returncode != 0:
                raise BundlerError(
                    "rpm does not accept it as a key",
                    where=name,
                    why=done.stderr.strip(),
                    code=ExitCode.INPUT,
                    fix="name the file of an armoured public key with gpgkey",
                )

    def check(self, name: str, package: Path) -> None:
        """Whether a package is signed with one of the keys; `name` is what messages call it."""
        done = _run("rpmkeys", [*self._words, "--checksig", "--verbose", str(package)])
        if done.returncode != 0:
            raise BundlerError(
                "a package is not signed by any of its repository's keys",
                where=name,
                why=(done.stdout + done.stderr).strip().replace(str(package), name),
                code=ExitCode.TRUST,
                fix="check gpgkey; gpgcheck=0 takes it as the metadata has it",
            )


def _run(tool: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    if shutil.which(tool) is None:
        package = {"gpgv": "gpgv", "rpmkeys": "rpm"}[tool]
        raise BundlerError(
            f"checking signatures of rpm repositories needs {tool}, which this machine lacks",
            code=ExitCode.UNSUPPORTED,
            fix=f"apt-get install {package}",
        )
    return subprocess.run(
        [tool, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
