"""What of a site can be seen on this host; tests compare it before and after.

Other sites may come and go meanwhile: what names another one is left out, everything else counts.
"""

import re
from pathlib import Path

from tests.site import lifecycle
from tests.site.commands import run
from tests.site.disk import loops
from tests.site.spec import DISK_ROOT, RUN_ROOT, SiteSpec

_NSPAWN = Path("/run/systemd/nspawn")
_ROOTS = (RUN_ROOT, DISK_ROOT, _NSPAWN)
_SHARED = (*_ROOTS, RUN_ROOT / "host-settings.json", Path("/run/netns"))
_NAMED = re.compile(r"bundler-(?:site[-/])?([a-z][a-z0-9-]*)")  # in paths, groups, namespaces, command lines


def traces(name: str) -> dict[str, list[str]]:
    """By kind, what is here of any site but of those called otherwise than `name`."""
    seen = {
        "mounts": _mounts(),
        "loops": list(loops()),
        "namespaces": [line.split()[0] for line in run("ip", "netns", "list").splitlines()],
        "links": _links(SiteSpec(name).host_link),
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("**/bundler-site-*")],
        "processes": _processes(),
        "files": [str(path) for root in _ROOTS for path in _below(root)],
    }
    alone = not {*lifecycle.names()} - {name}
    return {
        kind: sorted(each for each in found if _counts(each, name, alone=alone))
        for kind, found in seen.items()
    }


def is_anothers(trace: str, name: str) -> bool:
    """Whether a trace names a site, and none of those that it names is called `name`."""
    named = _NAMED.findall(trace)
    return bool(named) and not any(each == name or each.startswith(f"{name}-") for each in named)


def _counts(trace: str, name: str, *, alone: bool) -> bool:
    """Whether to tell a trace; what all sites have together is told only while there are no others."""
    path = Path(trace.split(maxsplit=1)[0])
    if path in _SHARED or path.parent == _NSPAWN:
        return alone
    return not is_anothers(trace, name)


def _mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [f"{row[4]} {row[3]}" for row in (line.split() for line in lines)]


def _links(own: str) -> list[str]:
    """This host's network devices; other sites' cables are told by their prefix."""
    names = [path.name for path in Path("/sys/class/net").iterdir()]
    return [name for name in names if name == own or not name.startswith("bs-")]


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
