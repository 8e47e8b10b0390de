"""What the frozen installer runs first."""

import sys

from bundler.installer.cli.main import program

if __name__ == "__main__":
    sys.exit(program())
