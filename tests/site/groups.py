"""Groups of processes that can be told from all others: each a cgroup made before its first process starts.

A process can only get into a group through us, and its children can't get out, so ending a group ends what
the site started and nothing else, even if whoever started it was killed before a pid could be written down.

Where systemd runs, a group is a transient service with Delegate=yes. Elsewhere it is a folder in every cgroup
hierarchy (v1, hybrid or v2) of the host.
"""

import contextlib
import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import attempt, run

_CGROUPS = Path("/sys/fs/cgroup")
_END_LIMIT = 20.0  # seconds for killed processes to be gone
# Put the shell into every cgroup given before "--", then become the command.
_ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'


class Groups(Protocol):
    """How groups are made on this host."""

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Make the group and start a command in it, in the background, its output going to `log`."""

    def pids(self, name: str) -> tuple[int, ...]:
        """The processes of a group, none when there is no such group."""

    def remove(self, name: str) -> None:
        """End all processes of a group and remove it; nothing happens when there is none."""


def host_groups() -> Groups:
    """What fits this host: systemd where it runs, else plain cgroups."""
    if Path("/run/systemd/system").is_dir():
        return SystemdGroups()
    return CgroupGroups(tuple(_hierarchies()))


def unified() -> bool:
    """Whether this host has cgroup v2 only."""
    return (_CGROUPS / "cgroup.controllers").exists()


@dataclass(frozen=True, slots=True)
class SystemdGroups:
    """Groups as transient services of the host's systemd."""

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Start a transient service; Delegate gives it a cgroup tree of its own."""
        settings = [f"--setenv={key}={value}" for key, value in env.items()]
        properties = ["Delegate=yes", "TasksMax=infinity", "KillMode=mixed", "TimeoutStopSec=20"]
        properties += [f"StandardOutput=append:{log}", f"StandardError=append:{log}"]
        flags = [f"--property={value}" for value in properties]
        run("systemd-run", "--quiet", "--collect", f"--unit={name}", *flags, *settings, "--", *argv)

    def pids(self, name: str) -> tuple[int, ...]:
        """Processes of the service's cgroup and those below it."""
        unit = f"{name}.service"
        where = attempt("systemctl", "show", "--property=ControlGroup", "--value", unit).stdout.strip()
        if not where:
            return ()
        base = _CGROUPS if unified() else _CGROUPS / "systemd"
        return tuple(_pids(base / where.lstrip("/")))

    def remove(self, name: str) -> None:
        """Stop the service; systemd kills what is left in its cgroup."""
        attempt("systemctl", "stop", f"{name}.service", timeout=60)
        attempt("systemctl", "reset-failed", f"{name}.service")


@dataclass(frozen=True, slots=True)
class CgroupGroups:
    """Groups as folders in the cgroup hierarchies of a host without systemd."""

    hierarchies: tuple[Path, ...]

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Make the folders, then start a shell that enters them and becomes the command."""
        folders = [self._make(base, name) for base in self.hierarchies]
        entered = ["sh", "-c", _ENTER, "sh", *map(str, folders), "--", *argv]
        with log.open("ab") as output:
            subprocess.Popen(
                entered,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def pids(self, name: str) -> tuple[int, ...]:
        """Processes of the group in any hierarchy."""
        return tuple(sorted({pid for base in self.hierarchies for pid in _pids(base / name)}))

    def remove(self, name: str) -> None:
        """Kill and remove the folders from the leaves up, again and again until all is gone (at most 20 s).

        A killed process stays in its cgroup a moment longer than in its listing, and one that was just being
        started may enter after we looked: both make the folder busy.
        Raises BundlerError (STEP) when a group stays.
        """
        deadline = time.monotonic() + _END_LIMIT
        folders = [base / name for base in self.hierarchies]
        while not self._removed(name, folders):
            if time.monotonic() > deadline:
                raise _stays(name, self.pids(name), [folder for folder in folders if folder.exists()])
            time.sleep(0.02)

    def _removed(self, name: str, folders: Sequence[Path]) -> bool:
        """One try; True when nothing is left."""
        for pid in self.pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        removed = [_remove_tree(folder) for folder in folders]  # each is tried, whatever the others hold
        return all(removed)

    @staticmethod
    def _make(base: Path, name: str) -> Path:
        folder = base / name
        folder.mkdir()
        for setting in ("cpuset.cpus", "cpuset.mems"):  # v1: empty by default, and then no process may enter
            inherited = base / setting
            if inherited.exists():
                (folder / setting).write_text(inherited.read_text())
        return folder


def _hierarchies() -> Iterator[Path]:
    """Where each of this host's cgroup hierarchies is mounted; v2's controllers are handed down."""
    if unified():
        names = (_CGROUPS / "cgroup.controllers").read_text().split()
        (_CGROUPS / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))
        yield _CGROUPS
        return
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        if right.split()[0] in {"cgroup", "cgroup2"}:
            yield Path(left.split()[4])


def _pids(folder: Path) -> Iterator[int]:
    for each in _tree(folder):
        with contextlib.suppress(OSError):  # a cgroup may go while we look
            yield from map(int, (each / "cgroup.procs").read_text().split())


def _tree(folder: Path) -> list[Path]:
    """A cgroup and all below it, parents first; none when there is no such cgroup."""
    return [Path(path) for path, _, _ in os.walk(folder)]  # walk passes over what goes meanwhile, glob raises


def _remove_tree(folder: Path) -> bool:
    """Remove a cgroup and those below it; False when the kernel still holds one of them."""
    for each in reversed(_tree(folder)):
        try:
            each.rmdir()
        except FileNotFoundError:
            continue  # cpu and cpuacct may be two names of one hierarchy
        except OSError as error:
            if error.errno in {errno.EBUSY, errno.ENOTEMPTY}:
                return False
            raise
    return True


def _stays(name: str, pids: Sequence[int], folders: Sequence[Path]) -> BundlerError:
    if pids:
        return BundlerError(
            f"processes of {name} do not end: {', '.join(map(str, pids))}", code=ExitCode.STEP
        )
    return BundlerError(
        f"the kernel still holds {name} after {_END_LIMIT:.0f} s, though no process is left in it",
        code=ExitCode.STEP,
        where=str(folders[0]) if folders else "",
        fix="try again; what is left is an empty cgroup",
    )
