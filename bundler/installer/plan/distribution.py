"""Which distribution of Kubernetes a bundle carries: a label of it says so, and kubeadm's where none does."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from bundler.core.errors import BundlerError, ExitCode

LABEL: Final = "io.kubernetes.distribution"
SEALER_LABEL: Final = "cluster.alpha.sealer.io/cluster-runtime-type"


class Distribution(StrEnum):
    """The ways to make machines a cluster that this installer knows."""

    KUBEADM = "kubeadm"
    K3S = "k3s"
    K0S = "k0s"


_NAMES: Final[Mapping[str, Distribution]] = {
    "": Distribution.KUBEADM,
    "kubernetes": Distribution.KUBEADM,  # Sealer's word for it
    **{each.value: each for each in Distribution},
}


def distribution_of(labels: Mapping[str, str], where: str) -> Distribution:
    """Raises BundlerError (UNSUPPORTED) for a name that is none."""
    name = labels.get(LABEL) or labels.get(SEALER_LABEL, "")
    if name in _NAMES:
        return _NAMES[name]
    raise BundlerError(
        f"{name[:80]!r} is no distribution of Kubernetes that this installer knows",
        where=where,
        why=f"it knows {', '.join(Distribution)}",
        fix=f"the Kubefile's LABEL {LABEL} names one of them",
        code=ExitCode.UNSUPPORTED,
        id="BND-DISTRIBUTION",
    )
