"""A real docker-registry on loopback, with TLS and passwords if wanted, and skopeo to fill it."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from tests.kits.servers import certify

USER, PASSWORD = "robot", "not-a-secret"
_START = 15.0  # seconds that the registry gets to listen


def missing() -> str:
    """What this machine lacks for these tests, "" when it has all."""
    lacks = [tool for tool in ("docker-registry", "skopeo") if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacks)}" if lacks else ""


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry; `certificate` is what clients must trust."""

    host: str
    certificate: Path | None
    storage: Path

    def push(self, layout: Path, image: str, name: str, *options: str) -> None:
        """Copy an image of an OCI layout into the registry."""
        verify = "true" if self.certificate else "false"
        skopeo(
            "copy", "--quiet", f"--dest-tls-verify={verify}", *options, f"oci:{layout}:{image}",
            f"docker://{self.host}/{name}", certificate=self.certificate,
        )  # fmt: skip


def skopeo(*words: str, certificate: Path | None = None) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TMPDIR": "/tmp"}  # noqa: S108  (skopeo's own)
    if certificate:
        environment["SSL_CERT_FILE"] = str(certificate)
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def running(
    folder: Path, *, tls: bool = False, password: bool = False, auth: dict[str, object] | None = None
) -> Iterator[Registry]:
    """A registry that listens, ended by its process id; auth: as its config.yml has it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}"}
    certificate = None
    if tls:
        certificate = folder / "tls.crt"
        if not certificate.exists():
            certify(certificate, folder / "tls.key")
        http["tls"] = {"certificate": str(certificate), "key": str(folder / "tls.key")}
    config: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": http,
    }
    if password:
        line = f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"
        (folder / "htpasswd").write_text(line)
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    if auth is not None:
        config["auth"] = auth
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _await(port, process, folder / "log")
            yield Registry(f"127.0.0.1:{port}", certificate, folder / "data")
        finally:
            process.terminate()
            process.wait(10)


def login(path: Path, host: str) -> Path:
    """An auth file as `skopeo login` writes it."""
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": pair}}}))
    return path


def write_layout(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"no registry after {_START} s: {log.read_text()}")
