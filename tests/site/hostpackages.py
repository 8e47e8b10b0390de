"""Install the Debian packages that this machine lacks: `/usr/bin/python3 -m tests.site.hostpackages
SECTION…`.

The list, with reasons, is .requirements/apt.txt. Runs before there is a virtual environment, so it imports
nothing but the standard library. Servers among the packages are installed without being started or enabled:
tests start their own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIST = Path(__file__).resolve().parents[2] / ".requirements/apt.txt"
_POLICY = Path("/usr/sbin/policy-rc.d")  # asked by every package's scripts before they start a service
_SERVICES = {
    "docker-registry": ("docker-registry.service",),
    "haproxy": ("haproxy.service",),
    "openssh-server": ("ssh.service",),
}


def wanted(text: str, sections: frozenset[str]) -> tuple[str, ...]:
    """The package names of the sections, in the file's order."""
    names, section = [], ""
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and section in sections:
            names.append(line)
    return tuple(names)


def missing(names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the packages are not installed."""
    argv = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return tuple(name for name in names if name not in installed)


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
    lacking = missing(wanted(_LIST.read_text(), frozenset(sections)))
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
