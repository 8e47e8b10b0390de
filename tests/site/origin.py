"""Where the demo's Kubernetes comes from: compiled here, or its makers' own programs and images."""

import re
import shutil
import subprocess
from typing import Final

from bundler.core.errors import BundlerError, ExitCode

OLDEST_GO: Final = (1, 26)
_ENTRIES: Final = {"source": "kubernetes-source", "upstream": "kubernetes"}


def entry(asked: str, go: str) -> str:
    """The catalogue's entry for `source` or `upstream`; without either, what this machine's Go allows.

    go: what `go env GOVERSION` says, empty without Go. Raises BundlerError (USAGE).
    """
    if asked and asked not in _ENTRIES:
        raise BundlerError(
            f"KUBERNETES={asked} is unknown", code=ExitCode.USAGE, fix=f"one of {', '.join(_ENTRIES)}"
        )
    found = re.match(r"go(\d+)\.(\d+)", go)
    able = found is not None and (int(found[1]), int(found[2])) >= OLDEST_GO
    return _ENTRIES[asked or ("source" if able else "upstream")]


def go_version() -> str:
    """What this machine's Go calls itself, empty without one."""
    if shutil.which("go") is None:
        return ""
    argv = ["go", "env", "GOVERSION"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
