"""Where the program `bundler` begins: ready for Ctrl-C before its modules are loaded, which takes a while."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line and run it."""
    try:
        from bundler.builder.cli.app import main as run  # noqa: PLC0415  (see the module's docstring)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was done\n")
        sys.exit(130)  # ExitCode.INTERRUPTED, which is in a module, too
    run()
