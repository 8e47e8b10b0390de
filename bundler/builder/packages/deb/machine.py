"""What this machine's own apt has: where it gets packages from, and for which architecture."""

import os
import platform
import subprocess
from pathlib import Path

from bundler.builder.packages.deb.root import Repository


def machine_repositories(folder: Path, components: tuple[str, ...]) -> tuple[Repository, ...]:
    """Where this machine's own apt gets packages of these components from, as apt reads its settings.

    folder: empty; stands in for the machine's package lists, which would take seconds to read. May be empty.
    """
    form = "$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    done = subprocess.run(
        [
            *("apt-get", "-o", f"Dir::State::lists={folder}", "-o", "Dir::State::status=/dev/null"),
            *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o", "Debug::NoLocking=1"),
            *("-o", "APT::Get::IndexTargets::Filtered=false", "indextargets", "--no-release-info"),
            *("--format", form),
        ],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    fields = [line.split("|") for line in done.stdout.splitlines()]
    found = dict.fromkeys(
        (uri, release)
        for kind, uri, release, component in fields
        if kind == "Packages" and component in components
    )
    return tuple(Repository(uri, release, components) for uri, release in found)


def machine_architecture() -> str:
    """The architecture of this machine's own apt, as Debian names it."""
    done = subprocess.run(
        ["apt-config", "dump", "--format", "%v%n", "APT::Architecture"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip()


def machine_distribution() -> str:
    """What this machine is, as os-release(5) has it; "" where it doesn't say."""
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return ""
