"""Reach a machine as its engineer would: OpenSSH with the keys of the site, nothing of the user's own."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.site.commands import attempt, run
from tests.site.identity import Identity
from tests.site.spec import Machine, SiteSpec


def options(spec: SiteSpec) -> tuple[str, ...]:
    """OpenSSH's options for this site, for ssh and scp alike."""
    identity = Identity(spec.run_dir)
    settings = {
        "IdentityFile": identity.key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": identity.known_hosts,
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "10",
    }
    pairs = [("-o", f"{key}={value}") for key, value in settings.items()]
    return ("-F", "none", *(part for pair in pairs for part in pair))


def command(spec: SiteSpec, machine: Machine, user: str = "root") -> tuple[str, ...]:
    """The start of an ssh command line; a remote command may follow."""
    return ("ssh", *options(spec), f"{user}@{machine.address}")


def on(spec: SiteSpec, machine: Machine, script: str, *, user: str = "root", timeout: float = 120) -> str:
    """Run a POSIX sh script on the machine and give its standard output.

    Raises BundlerError (STEP) when it fails.
    """
    return run(*command(spec, machine, user), "sh -s", stdin=script, timeout=timeout)


def try_on(
    spec: SiteSpec, machine: Machine, script: str, *, user: str = "root", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """The same for a script that may fail."""
    return attempt(*command(spec, machine, user), "sh -s", stdin=script, timeout=timeout)


def put(spec: SiteSpec, machine: Machine, files: Sequence[Path], folder: str) -> None:
    """Copy files and folders of this host into a folder of the machine."""
    target = f"root@{machine.address}:{folder}"
    run("scp", "-q", "-r", *options(spec), *files, target, timeout=600)
