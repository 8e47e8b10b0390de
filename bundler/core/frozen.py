"""What changes when the program runs frozen out of a .run."""

import os
from collections.abc import Mapping


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child process: ours, with the caller's own LD_LIBRARY_PATH put back.

    stubs/start.sh leaves that alone. A frozen program that was started without it has LD_LIBRARY_PATH point
    at its own libraries, which no other program may load; the caller's value is in LD_LIBRARY_PATH_ORIG then.
    """
    child = dict(os.environ if environment is None else environment)
    home = child.get("_PYI_APPLICATION_HOME_DIR")
    if home is not None and child.get("LD_LIBRARY_PATH", "").split(":")[0] == home:
        child.pop("LD_LIBRARY_PATH")
        if "LD_LIBRARY_PATH_ORIG" in child:
            child["LD_LIBRARY_PATH"] = child.pop("LD_LIBRARY_PATH_ORIG")
    return {name: value for name, value in child.items() if not name.startswith("_PYI_")}
