"""Starts a program that may read what is named first, and reach no network.

Arguments: PATHS PROGRAM ARGUMENT…
"""

import os
import sys

from bundler.core.confine import confine

_CANNOT_RUN = 126


def main() -> None:
    """Become the program; its exit status is 126 where it doesn't run on this machine."""
    paths, program, *words = sys.argv[1:]
    confine(paths.split(os.pathsep))
    try:
        os.execv(program, [program, *words])  # noqa: S606  (the caller names the program by its whole path)
    except OSError as error:
        sys.stderr.write(f"{program}: {error.strerror}\n")
        sys.exit(_CANNOT_RUN)


if __name__ == "__main__":
    main()
