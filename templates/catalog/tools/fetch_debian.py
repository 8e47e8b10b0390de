#!/usr/bin/env python3
"""Fetch Debian packages through an apt of its own, which shares only network settings with the machine's.

    fetch_debian.py unpack SUITE FOLDER PACKAGE...     unpack binary packages below FOLDER, no dependencies

The mirror is $BUNDLER_DEBIAN_MIRROR, else the one in the machine's own apt settings. apt verifies the
signature of the suite's InRelease with Debian's archive keys, and by it the digest of everything that is
fetched. The machine's package lists, sources and caches are not changed. Packages are of the architecture
$TARGETARCH, else the machine's.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared import RefusedError, architecture, finish, output

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = ("bookworm", "trixie", "forky", "oldoldstable", "oldstable", "stable", "testing", "sid")


def mirrors() -> tuple[str, str | None]:
    """(the archive, the security archive or None) as base addresses."""
    chosen = os.environ.get("BUNDLER_DEBIAN_MIRROR")
    if chosen:
        return chosen, None
    # as the settings say, whether or not the machine has ever fetched its lists
    asked = ("--no-release-info", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages")
    listed = output("apt-get", "indextargets", *asked)
    archive = security = None
    for line in listed.splitlines():
        address, _, suite = line.partition(" ")
        base, _, pocket = suite.partition("-")
        if base in SUITES and pocket == "security":
            security = security or address
        elif base in SUITES and not pocket:
            archive = archive or address
    if archive is None:
        raise RefusedError(
            "The apt settings of this machine name no Debian archive. "
            "Fix: BUNDLER_DEBIAN_MIRROR=<address of a Debian mirror> in the environment"
        )
    return archive, security


@dataclass(frozen=True, slots=True)
class Apt:
    """An isolated apt: its own sources, lists and caches below one folder."""

    root: Path

    @classmethod
    def create(cls, root: Path, suite: str) -> Apt:
        """Set apt up in an empty folder and fetch the suite's signed package lists."""
        for folder in ("lists/partial", "cache/archives/partial", "state"):
            (root / folder).mkdir(parents=True)
        archive, security = mirrors()
        places = [(archive, suite)]
        if security is not None:
            places.append((security, f"{suite}-security"))
        lines = [f"deb [signed-by={KEYRING}] {place} {name} main\n" for place, name in places]
        (root / "sources.list").write_text("".join(lines))
        (root / "status").touch()
        settings = {
            "Dir::Etc::parts": "/dev/null",  # hooks of the machine (desktop notifiers, clean-up) are not ours
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::sourcelist": f"{root}/sources.list",
            "Dir::State": f"{root}/state",
            "Dir::State::lists": f"{root}/lists",
            "Dir::State::status": f"{root}/status",
            "Dir::Cache": f"{root}/cache",
            "APT::Architecture": architecture(),
            "APT::Architectures": architecture(),
            "APT::Sandbox::User": "root",  # the folders are private; nothing is installed
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        network = output("apt-config", "dump", "--format", '%F "%v";%n', "Acquire")
        lines = [network, *(f'{key} "{value}";\n' for key, value in settings.items())]
        (root / "apt.conf").write_text("".join(lines))
        apt = cls(root)
        apt.get("update")
        return apt

    def get(self, *argv: str, cwd: Path | None = None) -> None:
        """Run apt-get in this root."""
        output("apt-get", "-q", *argv, cwd=cwd or self.root, APT_CONFIG=str(self.root / "apt.conf"))


def download(suite: str, folder: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Fetch binary packages to a folder, without their dependencies; the result gives each one's file."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        Apt.create(Path(scratch) / "apt", suite).get("download", *packages, cwd=folder)
    return {package: next(folder.glob(f"{package}_*.deb")) for package in packages}


def unpack(suite: str, folder: Path, packages: tuple[str, ...]) -> None:
    """Unpack binary packages below a folder, in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for deb in download(suite, Path(scratch) / "debs", packages).values():
            output("dpkg-deb", "--extract", str(deb), str(folder))


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError."""
    match argv:
        case ["unpack", suite, folder, first, *rest]:
            unpack(suite, Path(folder).absolute(), (first, *rest))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
