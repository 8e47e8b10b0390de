#!/usr/bin/env python3
"""Unpack Debian packages with what they need into a folder that becomes a layer of an image.

    debian_root.py base SUITE FOLDER
    debian_root.py packages SUITE FOLDER [--without NAME]... [--user NAME:ID]... PACKAGE...

base: the C library and what nearly all programs are linked with, busybox with all its commands, root and
nobody. packages: the packages and what they depend on, but for what the base has, for --without (and what
only that needs), and for what installs and starts packages, since no image does. Manuals, translations
and caches are left out; copyright files stay. --user adds a user and a group of that number.

Two images of one suite share the base: the same folder gives the same bytes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from fetch_debian import Apt
from shared import finish, output

# Not busybox-static: linked with another C library than the one beside it, it can't look names up.
BASE = (
    "gcc-12-base", "libc6", "libgcc-s1", "libstdc++6", "libssl3", "zlib1g", "libcrypt1", "libpcre2-8-0",
    "busybox",
)  # fmt: skip
# What sets packages up on a machine, or starts them there.
MACHINERY = frozenset({
    "adduser", "base-files", "cron", "cron-daemon-common", "debconf", "debianutils", "dpkg",
    "init-system-helpers", "libpam-modules", "libpam-modules-bin", "libpam-runtime", "logrotate", "lsb-base",
    "passwd", "perl", "perl-base", "sensible-utils", "ssl-cert", "systemd", "sysvinit-utils", "tar", "ucf",
    "usrmerge",
})  # fmt: skip
UNUSED = (
    "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bug",
    "usr/share/doc-base", "usr/share/bash-completion", "usr/lib/systemd", "lib/systemd", "etc/init.d",
    "etc/logrotate.d", "etc/cron.d", "etc/cron.daily", "etc/apparmor.d", "etc/default", "var/cache",
    "var/log",
)  # fmt: skip
PEOPLE = (("root", 0, "/root"), ("nobody", 65534, "/nonexistent"))


def closure(apt: Apt, packages: tuple[str, ...], without: frozenset[str]) -> list[str]:
    """The packages and what they need, as apt would choose it. Raises RefusedError."""
    settings = {"APT_CONFIG": str(apt.root / "apt.conf")}
    planned = output("apt-get", "-s", "-y", "--no-install-recommends", "install", *packages, **settings)
    chosen = {line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")}
    described = output("apt-cache", "show", "--no-all-versions", *sorted(chosen), **settings)
    needs = dict(map(_needs, described.strip().split("\n\n")))
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += (needs[name] & chosen) - without - MACHINERY
    return sorted(found)


def _needs(described: str) -> tuple[str, set[str]]:
    """A package's name, and the names that its Depends and Pre-Depends mention."""
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", described, re.MULTILINE))
    told = f"{fields.get('Depends', '')},{fields.get('Pre-Depends', '')}"
    return fields["Package"], set(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)", told))


def unpack(apt: Apt, folder: Path, packages: list[str]) -> None:
    """Fetch the packages and lay them into the folder. Raises RefusedError."""
    debs = apt.root / "debs"
    debs.mkdir(exist_ok=True)
    apt.get("download", *packages, cwd=debs)
    for package in packages:
        output("dpkg-deb", "--extract", str(next(debs.glob(f"{package}_*.deb"))), str(folder))
    _strip(folder)


def _strip(folder: Path) -> None:
    for unused in UNUSED:
        shutil.rmtree(folder / unused, ignore_errors=True)
    for tables in folder.glob("usr/lib/*/gconv"):
        shutil.rmtree(tables)
    documents = folder / "usr/share/doc"
    for one in sorted(documents.rglob("*"), reverse=True):
        if one.is_dir() and not one.is_symlink():
            if not any(one.iterdir()):
                one.rmdir()
        elif one.name != "copyright" and one.parent != documents:  # there a package's link to another's
            one.unlink()


def base(suite: str, folder: Path) -> None:
    """Lay what all images share. Raises RefusedError."""
    with tempfile.TemporaryDirectory() as scratch:
        unpack(Apt.create(Path(scratch) / "apt", suite), folder, list(BASE))
    program = folder / "bin/busybox"
    for applet in output(str(program), "--list").split():
        link = folder / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    for place in ("tmp", "run", "proc", "sys", "dev", "var/lib"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    _people(folder, ())


def _people(folder: Path, users: tuple[str, ...]) -> None:
    added = tuple(
        (name, int(number), "/nonexistent") for name, _, number in (one.partition(":") for one in users)
    )
    everybody = (*PEOPLE, *added)
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc/passwd").write_text(
        "".join(f"{name}:x:{number}:{number}::{home}:/bin/sh\n" for name, number, home in everybody)
    )
    (folder / "etc/group").write_text("".join(f"{name}:x:{number}:\n" for name, number, _ in everybody))


def packages(
    suite: str, folder: Path, names: tuple[str, ...], without: tuple[str, ...], users: tuple[str, ...]
) -> None:
    """Lay packages with what they need over the base. Raises RefusedError."""
    with tempfile.TemporaryDirectory() as scratch:
        apt = Apt.create(Path(scratch) / "apt", suite)
        unpack(apt, folder, closure(apt, names, frozenset((*without, *BASE))))
    if users:
        _people(folder, users)


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError."""
    as_it_stands = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_it_stands)
    parser.add_argument("what", choices=("base", "packages"))
    parser.add_argument("suite")
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", nargs="*")
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--user", action="append", default=[])
    asked = parser.parse_intermixed_args(argv)
    folder = asked.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    match asked.what:
        case "base":
            base(asked.suite, folder)
        case _:
            packages(asked.suite, folder, tuple(asked.packages), tuple(asked.without), tuple(asked.user))


if __name__ == "__main__":
    finish(run)
