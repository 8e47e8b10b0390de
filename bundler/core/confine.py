"""What a child that works on a chart may reach: no network, and no files but the chart and what it runs from.

Both are the kernel's doing and need no rights: a network namespace of its own, and Landlock (Linux 5.13). A
kernel that has neither, or a container that forbids them, leaves the child as it is: what leads out of a
chart is refused before anyway.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_NO_NEW_PRIVS = 38
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # Landlock's system calls, the same on all architectures
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_NULL = "/dev/null"
_ALL = (1 << 13) - 1  # every right of Landlock's first version
_FILE_RIGHTS = _EXECUTE | _READ_FILE
_BENEATH = 1
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    _NULL,
    "/dev/urandom",
    "/sys/kernel/mm",
)


def confine(readable: Iterable[str]) -> None:
    """Leave the network, and all files but these and the system's libraries, for good. Once, and early.

    It must be called while the process has one thread: others would keep what they have.
    """
    leave_network()
    leave_files(readable)


def leave_network() -> bool:
    """Enter an empty network namespace; whether that was possible."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Root can; others need a user namespace for it.
    return bool(libc.unshare(_NEWNET) == 0 or libc.unshare(_NEWUSER | _NEWNET) == 0)


def leave_files(readable: Iterable[str], writable: Iterable[str] = ()) -> None:
    """Leave all files but these and the system's libraries."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = (*_SYSTEM, sys.prefix, sys.base_prefix, sys.executable, *filter(None, sys.path))
    _only_files(libc, (*code, *readable), tuple(writable))


def _only_files(libc: ctypes.CDLL, readable: Iterable[str], writable: Iterable[str]) -> None:
    attributes = struct.pack("=Q", _ALL)
    rules = libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return
    for path in dict.fromkeys(readable):
        rights = _FILE_RIGHTS | (_READ_DIR if Path(path).is_dir() else 0)
        _allow(libc, rules, path, rights | (_WRITE_FILE if path == _NULL else 0))
    for path in writable:
        _allow(libc, rules, path, _ALL & ~_EXECUTE)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.syscall(_RESTRICT, rules, 0)
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rule = struct.pack("=Qi", rights, opened)
    libc.syscall(_ADD, rules, _BENEATH, rule, 0)
    os.close(opened)
