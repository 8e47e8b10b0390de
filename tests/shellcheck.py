"""Hold shellcheck against every line of shell that we ship; `make check` runs it.

The parts of a .run's shell head share names, so they are checked as the one script that they make up.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from bundler.builder.runtime.freeze import stub_template

ROOT: Final = Path(__file__).parents[1]

# SC2012: `ls` is parsed, as busybox's find has no -printf. SC2034: `read` names fields that nobody needs.
_HEAD: Final = ("--shell", "sh", "--exclude", "SC2012", "-")
_FILES: Final = ("--exclude", "SC2034")


def scripts() -> tuple[Path, ...]:
    """Every shell script that is checked by itself."""
    places = ("stubs/*.sh", "templates/site/**/*.sh", "templates/catalog/**/*.sh")
    return tuple(sorted(path for place in places for path in ROOT.glob(place)))


def complaints() -> str:
    """What shellcheck says; "" where all is well."""
    head = _shellcheck(*_HEAD, text=stub_template())
    return head + _shellcheck(*_FILES, *map(str, scripts()))


def _shellcheck(*arguments: str, text: str = "") -> str:
    command = ["shellcheck", "--color=never", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def main() -> int:
    """0 where shellcheck has nothing to say."""
    try:
        told = complaints()
    except FileNotFoundError:
        told = "shellcheck is not installed: make setup, or apt-get install shellcheck\n"
    sys.stderr.write(told)
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
