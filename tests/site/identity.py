"""Who is who on a site: ssh keys of the engineer and of the machines, a password for those who need one."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.site.commands import run
from tests.site.spec import Machine

USERS = ("root", "ops", "clerk")  # ops: sudo without a password; clerk: sudo with the password


@dataclass(frozen=True, slots=True)
class Identity:
    """The files that let one in, all in the site's state folder."""

    folder: Path

    @property
    def key(self) -> Path:
        """The engineer's private key; it opens root, ops and clerk on every machine."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The machines' host keys, by address and by name."""
        return self.folder / "known_hosts"

    @property
    def password(self) -> Path:
        """The password of ops and clerk (root has none), without a newline."""
        return self.folder / "password"

    def host_key(self, machine: Machine) -> Path:
        """A machine's private host key."""
        return self.folder / f"{machine.name}.host_key"

    def public_key(self) -> str:
        """The engineer's public key, as authorized_keys wants it."""
        return self.key.with_suffix(".pub").read_text()


def make_identity(folder: Path, machines: Iterable[Machine]) -> Identity:
    """Make all keys and the known_hosts file."""
    identity = Identity(folder)
    _keygen(identity.key, "engineer@site")
    identity.password.touch(mode=0o600)
    identity.password.write_text(secrets.token_urlsafe(12))
    lines = []
    for machine in machines:
        key = identity.host_key(machine)
        _keygen(key, machine.name)
        kind, blob = Path(f"{key}.pub").read_text().split()[:2]
        lines.append(f"{machine.address},{machine.name} {kind} {blob}\n")
    identity.known_hosts.write_text("".join(lines))
    return identity


def password_hash(password: str) -> str:
    """The password as /etc/shadow keeps it."""
    return run("openssl", "passwd", "-6", "-stdin", stdin=password).strip()


def _keygen(path: Path, comment: str) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)
