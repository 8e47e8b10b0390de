"""Kernel settings that machines share with this host: kept while sites are up, put back when the last goes.

Kubelet sets some of them on its machine, and a container's kernel is this host's.
"""

import contextlib
import json
from pathlib import Path

from tests.site.spec import RUN_ROOT

_SHARED = (
    "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
    "vm/overcommit_memory", "vm/panic_on_oom", "vm/swappiness", "vm/max_map_count",
    "fs/inotify/max_user_instances", "fs/inotify/max_user_watches", "fs/may_detach_mounts",
)  # fmt: skip
_KEPT = RUN_ROOT / "host-settings.json"


def keep() -> None:
    """Write down the host's settings, unless an earlier site did."""
    if _KEPT.exists():
        return
    values = {}
    for name in _SHARED:
        with contextlib.suppress(OSError):
            values[name] = Path("/proc/sys", name).read_text()
    _KEPT.write_text(json.dumps(values))


def put_back() -> None:
    """Restore what was kept once no site is left."""
    if not _KEPT.exists():  # the host was restarted meanwhile
        with contextlib.suppress(OSError):
            RUN_ROOT.rmdir()
        return
    if any(path.is_dir() for path in RUN_ROOT.iterdir()):
        return
    for name, value in json.loads(_KEPT.read_text()).items():
        with contextlib.suppress(OSError):
            setting = Path("/proc/sys", name)
            if setting.read_text() != value:
                setting.write_text(value)
    _KEPT.unlink()
    RUN_ROOT.rmdir()
