"""A machine's file tree: the cached base below, what is its own above.

/usr, /etc and the rest are an overlay over the base, so a machine costs nothing until it writes. /var/lib is
a plain folder: containerd's overlayfs snapshots can't lie on an overlay, and etcd wants a real disk. What the
machine writes lies on its own disk, in both.
"""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.site import disk
from tests.site.commands import run
from tests.site.identity import USERS, Identity, password_hash
from tests.site.root import Base
from tests.site.spec import Machine, SiteSpec
from tests.site.undo import Journal, Kind

# Units that a real machine has and a container must not run, or that ask the network on their own.
_MASKED = (
    "systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",  # /sys is writable here, and its devices are this host's
    "console-getty.service",  # nobody sits at the console
    "apt-daily.timer", "apt-daily-upgrade.timer",  # they look names up: not the product's doing
)  # fmt: skip
_ADDRESS_UNIT = """\
[Unit]
Description=Address of this machine
Before=network.target ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip address add {address}/{width} dev host0
ExecStart=/bin/ip link set host0 up
ExecStart=/bin/ip route add default via {gateway}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Tree:
    """Where a machine's files lie on this host."""

    folder: Path

    @property
    def root(self) -> Path:
        """The machine's / as this host sees it."""
        return self.folder / "root"

    @property
    def disk(self) -> Path:
        """Where this host has mounted the machine's disk."""
        return self.folder / "disk"


def tree_of(spec: SiteSpec, machine: Machine) -> Tree:
    """Where the machine's files lie."""
    return Tree(spec.disk_dir / machine.name)


def make_tree(spec: SiteSpec, machine: Machine, base: Base, identity: Identity, journal: Journal) -> Tree:
    """Mount the machine's tree and make it its own: name, address, keys, users."""
    tree = tree_of(spec, machine)
    journal.note(Kind.MOUNT, tree.disk)
    disk.attach(tree.disk, spec.disk)
    upper, work = tree.disk / "upper", tree.disk / "work"
    for folder in (tree.root, upper, work):
        folder.mkdir()
    journal.note(Kind.MOUNT, tree.root)
    layers = f"lowerdir={base.path},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "-o", layers, f"site-{machine.name}", tree.root)
    plain = tree.disk / "var-lib"
    run("cp", "-a", base.path / "var/lib", plain)
    run("mount", "--bind", plain, tree.root / "var/lib")  # goes with the mount below it
    _personalise(tree.root, spec, machine, identity)
    return tree


def _personalise(root: Path, spec: SiteSpec, machine: Machine, identity: Identity) -> None:
    etc = root / "etc"
    (etc / "hostname").write_text(f"{machine.name}\n")
    (etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{machine.address} {machine.name}\n")
    (etc / "resolv.conf").write_text(f"nameserver {spec.gateway}\n")
    _host_key(etc / "ssh/ssh_host_ed25519_key", identity.host_key(machine))
    _users(root, identity)
    units = etc / "systemd/system"
    unit = units / "site-address.service"
    unit.write_text(
        _ADDRESS_UNIT.format(address=machine.address, width=spec.subnet.prefixlen, gateway=spec.gateway)
    )
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / unit.name).symlink_to(f"/etc/systemd/system/{unit.name}")
    for name in _MASKED:
        (units / name).symlink_to("/dev/null")


def _host_key(target: Path, source: Path) -> None:
    target.touch(mode=0o600)
    target.write_bytes(source.read_bytes())
    Path(f"{target}.pub").write_bytes(Path(f"{source}.pub").read_bytes())


def _users(root: Path, identity: Identity) -> None:
    homes = {}
    for line in (root / "etc/passwd").read_text().splitlines():
        entry = line.split(":")
        homes[entry[0]] = (int(entry[2]), int(entry[3]), root / entry[5].lstrip("/"))
    for user in USERS:
        uid, gid, home = homes[user]
        folder = home / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        allowed = folder / "authorized_keys"
        allowed.write_text(identity.public_key())
        allowed.chmod(0o600)
        for path in (folder, allowed):
            os.chown(path, uid, gid)
    hashed = password_hash(identity.password.read_text())
    shadow = root / "etc/shadow"
    lines = [_with_password(line, hashed) for line in shadow.read_text().splitlines()]
    shadow.write_text("\n".join(lines) + "\n")


def _with_password(line: str, hashed: str) -> str:
    name, _, rest = line.split(":", 2)
    return f"{name}:{hashed}:{rest}" if name in USERS[1:] else line
