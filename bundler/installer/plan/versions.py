"""Kubernetes versions, and what differs between them for the plan: pure look-ups, no more."""

from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.kubernetes_version import KubernetesVersion

OLDEST: Final = (1, 26)
NEWEST_KNOWN: Final = (1, 37)  # the newest minor whose rendering has golden files


def check_supported(version: KubernetesVersion) -> None:
    """Raises BundlerError (UNSUPPORTED) for a version older than `OLDEST`."""
    if (version.major, version.minor) >= OLDEST:
        return
    oldest = ".".join(map(str, OLDEST))
    raise BundlerError(
        f"Kubernetes {version.text} is too old for this installer",
        why=f"{oldest} is the first version whose kubelet speaks CRI v1 alone, which containerd 2 requires",
        fix=f"use a .run with Kubernetes {oldest} or newer; the vendor builds it FROM a newer base",
        code=ExitCode.UNSUPPORTED,
    )
