"""The environment variables by which the .run's shell head speaks to the installer."""

from typing import Final

RUN_FILE: Final = "BUNDLER_RUN_FILE"  # where the .run lies
NAME: Final = "BUNDLER_ARGV0"  # how it was called
