"""What is mounted on this host, and taking it away."""

from pathlib import Path

from tests.site.commands import attempt, run


def mount_points() -> list[str]:
    """Every mount point; a path mounted over is there more than once."""
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def unmount(path: Path) -> None:
    """Unmount a path with all that is mounted below it; nothing happens where nothing is mounted."""
    for _ in range(8):  # a path may be mounted over more than once
        if str(path) not in mount_points():  # Path.is_mount misses a bind mount within one filesystem
            return
        if attempt("umount", "--recursive", path).returncode:
            run("umount", "--recursive", "--lazy", path)
