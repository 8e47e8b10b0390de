"""What of a site can be seen on this host; tests compare it before and after."""

from pathlib import Path

from tests.site.commands import run
from tests.site.disk import loops
from tests.site.spec import DISK_ROOT, RUN_ROOT


def traces() -> dict[str, list[str]]:
    """Mounts, loop devices, namespaces, links, cgroups, processes and files of any site of this host."""
    return {
        "mounts": sorted(_mounts()),
        "loops": list(loops()),
        "namespaces": run("ip", "netns", "list").split(),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "cgroups": sorted(map(str, Path("/sys/fs/cgroup").glob("**/bundler-site-*"))),
        "processes": sorted(_processes()),
        "files": sorted(
            str(path) for root in (RUN_ROOT, DISK_ROOT, Path("/run/systemd/nspawn")) for path in _below(root)
        ),
    }


def _mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [f"{row[4]} {row[3]}" for row in (line.split() for line in lines)]


def _processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if "systemd-nspawn" in words or "tests.site.watch" in words:
            found.append(words)
    return found


def _below(root: Path) -> list[Path]:
    return [root, *root.iterdir()] if root.is_dir() else []
