"""A frozen program that uses what the installer uses, and tells as JSON how it went."""

import json
import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import bcrypt
import jinja2
import paramiko
import pydantic
import rich.progress
import typer
import yaml
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

from bundler.core.archive import Bundle
from bundler.installer.transport.local import environment


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write("frozen 1\n")
        return
    modules = (bcrypt, jinja2, paramiko, pydantic, rich.progress, typer, yaml, zstandard, x509)
    with Bundle.open(Path(os.environ["BUNDLER_RUN_FILE"])) as bundle:
        bundle.check()
        member = bundle.read(bundle.member("root/bin/kubelet")).decode()
    told = {
        "modules": len(modules),
        "member": member,
        "signed": len(ed25519.Ed25519PrivateKey.generate().sign(b"x")),
        "hashed": bcrypt.checkpw(b"x", bcrypt.hashpw(b"x", bcrypt.gensalt(4))),
        "root": pwd.getpwuid(0).pw_name if Path("/etc/passwd").exists() else "root",
        "loopback": socket.getaddrinfo("127.0.0.1", 80)[0][4][0],
        "site": (Path(sys._MEIPASS) / "templates" / "site").is_dir(),  # type: ignore[attr-defined]  # PyInstaller's
        "child": subprocess.run(
            ["/bin/sh", "-c", "echo $LD_LIBRARY_PATH"],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip(),
        "arguments": sys.argv[1:],
    }
    sys.stdout.write(json.dumps(told))


main()
