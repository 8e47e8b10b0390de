"""A real OpenSSH server on loopback for one test: its own keys, its own port, ended by its own pid."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running server that lets root in with `user_key`."""

    port: int
    pid: int
    user_key: Path
    host_key: Path  # the public part
    home: Path  # stands for the caller's home: .ssh/known_hosts goes there

    @property
    def fingerprint(self) -> str:
        listed = subprocess.run(
            ["ssh-keygen", "-lf", self.host_key], check=True, capture_output=True, text=True
        )
        return listed.stdout.split()[1]

    def trust(self) -> None:
        """Write the server's key into known_hosts."""
        kind, key, *_ = self.host_key.read_text().split()
        file = self.home / ".ssh" / "known_hosts"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"[{ADDRESS}]:{self.port} {kind} {key}\n")

    def children(self) -> list[int]:
        """The pids of the server's processes for connections."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def cut(self) -> None:
        """Cut every connection, as a host that dies does."""
        for pid in self.children():
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGKILL)


def keygen(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair; the private file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@contextmanager
def running(
    folder: Path, *, kinds: tuple[str, ...] = ("ed25519",), options: tuple[str, ...] = ()
) -> Iterator[Sshd]:
    """Start a server below `folder` and end it, with all it started, at the end."""
    assert SSHD is not None
    Path("/run/sshd").mkdir(
        mode=0o755, exist_ok=True
    )  # sshd's own empty folder; it starts without it nowhere
    host_keys = [keygen(folder / f"host_{kind}", kind=kind) for kind in kinds]
    user_key = keygen(folder / "home" / "user_key")
    shutil.copy(user_key.with_suffix(".pub"), folder / "authorized_keys")
    port = free_port()
    config = [
        f"Port {port}",
        f"ListenAddress {ADDRESS}",
        *(f"HostKey {key}" for key in host_keys),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        f"PidFile {folder}/sshd.pid",
        "StrictModes no",
        "PermitRootLogin yes",
        "UsePAM no",
        "Subsystem sftp internal-sftp",  # what scp talks to
        "PasswordAuthentication no",
        *options,
    ]
    (folder / "sshd_config").write_text("\n".join(config) + "\n")
    log = (folder / "sshd.log").open("wb")
    with log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    found = Sshd(port, server.pid, user_key, host_keys[0].with_suffix(".pub"), folder / "home")
    try:
        await_port(port)
        yield found
    finally:
        found.cut()
        server.terminate()
        server.wait(timeout=10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def await_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd did not start in 10 s")
