"""Install the Debian packages that this machine lacks.

Usage: `/usr/bin/python3 -m tests.site.hostpackages SECTION…`.

The list, with reasons, is .requirements/apt.txt; the interpreter that runs this is the one that is frozen.
Runs before there is a virtual environment, so it imports nothing but the standard library. Servers among
the packages are installed without being started or enabled: tests start their own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIST = Path(__file__).resolve().parents[2] / ".requirements/apt.txt"
_POLICY = Path("/usr/sbin/policy-rc.d")  # asked by every package's scripts before they start a service
_FORM = "${db:Status-Status}|${Package}|${Provides}\n"
_SERVICES = {
    "docker-registry": ("docker-registry.service",),
    "haproxy": ("haproxy.service",),
    "keepalived": ("keepalived.service",),
    "openssh-server": ("ssh.service",),
}


def wanted(text: str, sections: frozenset[str], python: str) -> tuple[str, ...]:
    """The package names of the sections, in the file's order; `python`: what {python} stands for."""
    names, section = [], ""
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and section in sections:
            names.append(line.replace("{python}", python))
    return tuple(names)


def installed() -> frozenset[str]:
    """The names of the packages that are installed, and those that they provide."""
    argv = ["dpkg-query", "--show", "--showformat", _FORM]
    return names_of(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def names_of(listing: str) -> frozenset[str]:
    """The same from dpkg-query's answer, one package a line: its state, its name, what it provides.

    Ubuntu 24.04 calls a library libpython3.12t64 that provides libpython3.12; so asking for the latter is
    right there, too, and must not be asked for again.
    """
    names = set[str]()
    for line in listing.splitlines():
        state, name, provided = line.split("|")
        if state == "installed":
            names |= {name, *(each.split()[0] for each in provided.split(",") if each.strip())}
    return frozenset(names)


def install(names: tuple[str, ...]) -> None:
    """Install with this machine's apt; its lists are read anew first. Raises CalledProcessError."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-o", "Dpkg::Use-Pty=0", "-o", "APT::Install-Recommends=false", "-o", "Acquire::Retries=3"]
    subprocess.run(["apt-get", "-qq", "update"], check=True, env=environment)
    with _nothing_starts():
        subprocess.run(["apt-get", "-qq", "-y", *options, "install", *names], check=True, env=environment)
    if Path("/run/systemd/system").is_dir():
        for unit in (unit for name in names for unit in _SERVICES.get(name, ())):
            subprocess.run(["systemctl", "--quiet", "disable", unit], check=True)


def main(sections: list[str]) -> int:
    """Install what is missing; say what, and what to do where that can't be done."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    there = installed()
    names = wanted(_LIST.read_text(), frozenset(sections), python)
    lacking = tuple(name for name in names if name not in there)
    if not lacking:
        return 0
    if os.geteuid() != 0:
        sys.stderr.write(f"error: not installed: {', '.join(lacking)}\n")
        sys.stderr.write(f"  fix: as root, apt-get install {' '.join(lacking)}\n")
        return 11
    sys.stdout.write(f"Installing {len(lacking)} Debian packages: {', '.join(lacking)} …\n")
    sys.stdout.flush()
    try:
        install(lacking)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"error: {' '.join(error.cmd[:3])} … failed; apt's own words stand above\n")
        return 5
    return 0


@contextmanager
def _nothing_starts() -> Iterator[None]:
    """While this lasts, packages may not start services (exit 101: Debian's policy-rc.d interface)."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
