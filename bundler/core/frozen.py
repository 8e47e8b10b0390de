"""What changes when the program runs frozen out of a .run."""

import os
from collections.abc import Mapping


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child process: ours, with the caller's own LD_LIBRARY_PATH put back.

    The frozen program's loader points LD_LIBRARY_PATH at its own libraries, which no other program may load;
    PyInstaller keeps the caller's value in LD_LIBRARY_PATH_ORIG.
    """
    child = dict(os.environ if environment is None else environment)
    original = child.pop("LD_LIBRARY_PATH_ORIG", None)
    if original is not None:
        child["LD_LIBRARY_PATH"] = original
    elif "_PYI_ARCHIVE_FILE" in child:
        child.pop("LD_LIBRARY_PATH", None)
    return child
