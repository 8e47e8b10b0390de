"""The undo journal: what `up` is about to make, written to disk before it is made.

`down` reads it backwards, so a site whose `up` was killed at any moment can be taken down. Undoing what was
never made, or undoing twice, does nothing.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import run
from tests.site.groups import Groups
from tests.site.mounts import mount_points, unmount


class Kind(StrEnum):
    """What can be made, and so undone."""

    FOLDER = "folder"  # removed with all that is in it
    MOUNT = "mount"
    NETNS = "netns"  # a named network namespace; its links go with it
    LINK = "link"  # a network device of this host
    GROUP = "group"  # processes


@dataclass(frozen=True, slots=True)
class Made:
    """One thing to undo; `name` is a path, a device or a group."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Journal:
    """The file that tells what to undo."""

    path: Path

    def note(self, kind: Kind, name: str | Path) -> None:
        """Put down what is about to be made; on disk when this returns."""
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(Made(kind, str(name)))) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> tuple[Made, ...]:
        """What was noted, oldest first; a line cut short by a kill is left out: nothing was made after it."""
        if not self.path.exists():
            return ()
        made = []
        for line in self.path.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                data = json.loads(line)
                made.append(Made(Kind(data["kind"]), data["name"]))
        return tuple(made)


def undo(made: Made, groups: Groups) -> None:
    """Take one thing back. Raises BundlerError (STEP) when it can't be done."""
    match made.kind:
        case Kind.GROUP:
            groups.remove(made.name)
        case Kind.MOUNT:
            unmount(Path(made.name))
        case Kind.NETNS:
            _delete_netns(made.name)
        case Kind.LINK:
            if Path("/sys/class/net", made.name).exists():
                run("ip", "link", "delete", made.name)
        case Kind.FOLDER:
            remove_folder(Path(made.name))


@contextlib.contextmanager
def lock(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder for one command at a time; waiting ones are told so.

    shared: with others that hold it so; they change single machines, not the site.
    Raises BundlerError (STEP) when another command holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BundlerError(
            f"another command is working on the site in {folder}",
            code=ExitCode.STEP,
            fix="wait for it to end, then try again",
        ) from error
    finally:
        os.close(descriptor)


def _delete_netns(name: str) -> None:
    folder = Path("/run/netns")
    if (folder / name).exists():
        run("ip", "netns", "delete", name)
    if folder.is_dir() and not any(folder.iterdir()):  # `ip netns` mounts the folder and leaves it so
        unmount(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, and what it lay in if that is empty then.

    Raises BundlerError (STEP) when something is still mounted below it.
    """
    held = [point for point in mount_points() if Path(point).is_relative_to(path)]
    if held:  # never delete through a mount: it could be somebody's files
        raise BundlerError(
            f"{path} still holds a mount", code=ExitCode.STEP, why=held[0], fix=f"umount -R below {path}"
        )
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
    for parent in path.parents[
        :2
    ]:  # /var/lib/bundler-site, /run/systemd/nspawn: gone with what was last in them
        with contextlib.suppress(OSError):
            parent.rmdir()
