#!/usr/bin/env python3
"""Fetch Debian packages through an apt of its own, which shares only network settings with the machine's.

    fetch_debian.py source SUITE PACKAGE FOLDER        unpack a source package to FOLDER
    fetch_debian.py unpack SUITE FOLDER PACKAGE...     unpack binary packages below FOLDER, no dependencies

The mirror is $BUNDLER_DEBIAN_MIRROR, else the one in the machine's own apt settings. apt verifies the
signature of the suite's InRelease with Debian's archive keys, and by it the digest of everything that is
fetched. The machine's package lists, sources and caches are not changed. Packages are of the architecture
$TARGETARCH, else the machine's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CLOSED = ("bullseye",)  # no longer supported, so its security archive may go away at any time
SUITES = ("bullseye", "bookworm", "trixie", "forky", "oldoldstable", "oldstable", "stable", "testing", "sid")


class RefusedError(Exception):
    """Something the user can put right; the message says what and how."""


def output(*argv: str, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints. Raises RefusedError with the command's own last words."""
    env = {**os.environ, **environment}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines()
        said = [line for line in words if line.startswith("E:")] or words[-8:]
        raise RefusedError(
            f"{' '.join(argv[:3])} failed with exit code {done.returncode}:\n" + "\n".join(said)
        )
    return done.stdout


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
    def create(cls, root: Path, suite: str, *, kinds: tuple[str, ...]) -> Apt:
        """Set apt up in an empty folder and fetch the suite's signed package lists."""
        for folder in ("lists/partial", "cache/archives/partial", "state"):
            (root / folder).mkdir(parents=True)
        archive, security = mirrors()
        places = [(archive, suite)]
        if security is not None and suite not in CLOSED:
            places.append((security, f"{suite}-security"))
        lines = [
            f"{kind} [signed-by={KEYRING}] {place} {name} main\n" for kind in kinds for place, name in places
        ]
        (root / "sources.list").write_text("".join(lines))
        (root / "status").touch()
        arch = os.environ.get("TARGETARCH") or output("dpkg", "--print-architecture").strip()
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
            "APT::Architecture": arch,
            "APT::Architectures": arch,
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


def source(suite: str, package: str, folder: Path) -> None:
    """Unpack a source package, patches applied, to a folder that doesn't exist yet."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        apt = Apt.create(root / "apt", suite, kinds=("deb-src",))
        (root / "files").mkdir()
        apt.get("source", "--download-only", package, cwd=root / "files")
        (description,) = (root / "files").glob("*.dsc")
        # apt has checked the digests by the signed list; the maintainer's own signature adds nothing to that
        output("dpkg-source", "--no-check", "--extract", str(description), str(folder))


def download(suite: str, folder: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Fetch binary packages to a folder, without their dependencies; the result gives each one's file."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        Apt.create(Path(scratch) / "apt", suite, kinds=("deb",)).get("download", *packages, cwd=folder)
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
        case ["source", suite, package, folder]:
            source(suite, package, Path(folder).absolute())
        case ["unpack", suite, folder, first, *rest]:
            unpack(suite, Path(folder).absolute(), (first, *rest))
        case _:
            raise RefusedError(__doc__ or "")


def main(argv: list[str]) -> int:
    """Entry point; returns the exit code."""
    try:
        run(argv)
    except RefusedError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
