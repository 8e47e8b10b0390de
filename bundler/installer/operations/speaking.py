"""What a command says to the person who started it."""

import os
import sys

from bundler.core.terminal import show


def say(text: str) -> None:
    """A line for the user, on standard error: standard output is for results. Nothing with --quiet."""
    if not os.environ.get("BUNDLER_QUIET"):
        show(sys.stderr, f"{text}\n")
