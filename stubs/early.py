"""Runs before PyInstaller's own hooks: Ctrl-C while the program is being loaded is no traceback."""

import os
import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda number, _frame: os._exit(128 + number))
