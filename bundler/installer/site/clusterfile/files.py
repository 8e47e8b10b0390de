"""The files of this machine that a Clusterfile names: told of before any host is asked, once for each."""

import base64
import binascii
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bundler.core.errors import ExitCode, Problem, Problems
from bundler.installer.site.clusterfile.build import Builder, LocalFile

_BESIDE: Final = "paths are looked for beside the Clusterfile"
_HEAD: Final = 8 << 10  # bytes that tell what kind of key a file holds
_OPENSSH: Final = "-----BEGIN OPENSSH PRIVATE KEY-----"
_PLAIN: Final = b"openssh-key-v1\0\0\0\0\x04none"  # PROTOCOL.key of OpenSSH: magic, then the cipher's name


def check_files(builder: Builder) -> tuple[str, ...]:
    """Notes on files that others may read. Raises Problems for files that can't be read, or can't serve.

    The exit code is NOT_FOUND where files are missing, else INPUT.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    for each in builder.local:
        path = Path(each.name).expanduser()
        if why := _unreadable(path):
            hint = f"put it there, or name another file as {each.field}; {_BESIDE}"
            problems.append(builder.problem(each.place, "missing-file", f"{path}: {why}", hint))
        elif each.field == "pk" and (found := _key_fault(path, each)):
            problems.append(builder.problem(each.place, "wrong-key", f"{path} {found[0]}", found[1]))
        elif each.field != "ca":  # a certificate is no secret
            notes += [f"{builder.locate(each.place)}: {note}" for note in _open_to_others(path)]
    if problems:
        missing = any(each.rule == "missing-file" for each in problems)
        raise Problems(tuple(problems), code=ExitCode.NOT_FOUND if missing else ExitCode.INPUT)
    return tuple(dict.fromkeys(notes))


def _unreadable(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "it is a folder"
        if stat.S_ISREG(mode):  # a pipe would be read empty
            path.open("rb").close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _key_fault(path: Path, file: LocalFile) -> tuple[str, str] | None:
    """Why no host can be reached with this key, and what to do; None for one that may serve.

    A wrong passphrase shows only at the login; that there is none, or no private key, shows here.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as stream:
        text = stream.read(_HEAD).decode("ascii", "replace").lstrip()
    if text.startswith(("ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC")):
        return "is a public key", "name the private one, which has no .pub"
    if text.startswith("PuTTY-User-Key-File"):
        return "is a key of PuTTY", f"convert it: puttygen {path} -O private-openssh -o FILE"
    if not (text.startswith("-----BEGIN ") and "PRIVATE KEY-----" in text.partition("\n")[0]):
        return "holds no private key", "name the file that ssh-keygen wrote"
    if not file.opens and _is_encrypted(text):
        return "needs a passphrase", "give it as pkPasswd beside pk, or take a key without one"
    return None


def _is_encrypted(text: str) -> bool:
    head, _, rest = text.partition("\n")
    if head.strip() != _OPENSSH:
        return "ENCRYPTED" in head or "Proc-Type: 4,ENCRYPTED" in rest[:200]
    body = "".join(rest.split()).partition("-")[0]
    try:
        return not base64.b64decode(body[:64], validate=True).startswith(_PLAIN)
    except binascii.Error:
        return False


def _open_to_others(path: Path) -> Iterator[str]:
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        yield f"other users of this machine can read {path}; better: chmod 600 {path}"
