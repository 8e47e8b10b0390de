"""Boot a machine of a site and make it fit for Kubernetes."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import run
from tests.site.groups import Groups, unified
from tests.site.network import BRIDGE, enter
from tests.site.spec import Machine, SiteSpec
from tests.site.tree import Tree
from tests.site.undo import Journal, Kind, Made, undo

_BOOT_LIMIT = 60.0  # seconds; 3 are usual


@dataclass(frozen=True, slots=True)
class Started:
    """A machine that was told to boot."""

    machine: Machine
    group: str
    log: Path  # its console


def group_name(spec: SiteSpec, machine: Machine) -> str:
    """The group of a machine's processes."""
    return f"bundler-site-{spec.name}-{machine.name}"


def start(spec: SiteSpec, machine: Machine, tree: Tree, groups: Groups, journal: Journal) -> Started:
    """Boot the machine's systemd in the background."""
    group = group_name(spec, machine)
    for folder in ("propagate", "unix-export"):  # what nspawn leaves behind when it is killed
        for kind in (Kind.FOLDER, Kind.MOUNT):
            journal.note(kind, Path("/run/systemd/nspawn", folder, group))
        for kind in (Kind.MOUNT, Kind.FOLDER):  # of a boot before this one
            undo(Made(kind, f"/run/systemd/nspawn/{folder}/{group}"), groups)
    journal.note(Kind.GROUP, group)
    log = spec.run_dir / f"{machine.name}.log"
    argv = [*enter(spec.netns), *_nspawn(group, tree)]
    environment = {
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1" if unified() else "0",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes",  # kubelet and kube-proxy set kernel parameters
        "SYSTEMD_NSPAWN_LOCK": "0",  # its lock files would stay behind
    }
    groups.start(group, argv, environment, log)
    return Started(machine, group, log)


def settle(started: Started, groups: Groups) -> None:
    """Wait until the machine answers on its ssh port, then open its cgroups and mounts to Kubernetes.

    Raises BundlerError (NOT_READY) with the console's last lines when it does not within a minute.
    """
    deadline = time.monotonic() + _BOOT_LIMIT
    while not _answers(started.machine):
        if time.monotonic() > deadline or not groups.pids(started.group):
            raise BundlerError(
                "the machine did not come up",
                code=ExitCode.NOT_READY,
                where=started.machine.name,
                why="\n".join(started.log.read_text(errors="replace").splitlines()[-15:]),
                fix=f"read {started.log}",
            )
        time.sleep(0.1)
    inside = ("nsenter", f"--target={leader(started.group, groups)}", "--mount", "--")
    for hierarchy in () if unified() else _mounted_cgroups(groups, started.group):
        run(*inside, "mount", "-o", "remount,bind,rw", hierarchy)
    run(*inside, "mount", "--make-rshared", "/")


def leader(group: str, groups: Groups) -> int:
    """The pid, on this host, of a machine's process 1.

    Raises BundlerError (NOT_FOUND) when the machine is not running.
    """
    for pid in groups.pids(group):
        if _inner_pids(pid) == ["1"]:
            return pid
    raise BundlerError(f"{group} is not running", code=ExitCode.NOT_FOUND)


def _nspawn(group: str, tree: Tree) -> list[str]:
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={tree.root}",
        f"--machine={group}",
        "--hostname=" + tree.folder.name,
        "--settings=no",
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--timezone=off",
        "--resolv-conf=off",
        f"--network-bridge={BRIDGE}",
        "--capability=all",
        "--bind=/dev/kmsg",  # kubelet reads it
        "--system-call-filter=@keyring bpf perf_event_open @module",
    ]


def _answers(machine: Machine) -> bool:
    try:
        with socket.create_connection((str(machine.address), 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _inner_pids(pid: int) -> list[str]:
    """The pids that a process has inside of namespaces below this host's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    row = next(line for line in status.splitlines() if line.startswith("NSpid:"))
    return row.split()[2:]


def _mounted_cgroups(groups: Groups, group: str) -> list[str]:
    lines = Path(f"/proc/{leader(group, groups)}/mountinfo").read_text().splitlines()
    fields = (line.split() for line in lines if " - cgroup " in line)
    return [row[4] for row in fields]
