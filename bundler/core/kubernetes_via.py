"""Versions of Kubernetes that a bundle carries on the way to its own, for sites that are minors behind.

API servers go up one minor at a time, kubelets may be three behind: of a version in between, a site needs
kubeadm and the control plane's images, and no more.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from bundler.core.kubernetes_version import KubernetesVersion
from bundler.core.reference import Reference

VIA_LABEL: Final = "io.kubernetes.via"
REACH: Final = 3  # minors that a kubelet may be behind its API server (since 1.28)
IMAGES: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def via(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The versions of the label, lowest first. Raises BundlerError (INPUT) for a word that is none."""
    found = (KubernetesVersion.parse(word) for word in labels.get(VIA_LABEL, "").replace(",", " ").split())
    return tuple(each.text for each in sorted(found))


def kubeadm_of(version: str) -> str:
    """Where the tree holds the kubeadm of a version in between."""
    return f"via/{version}/kubeadm"


def via_faults(
    versions: Collection[str], target: str, paths: Collection[str], images: Collection[str]
) -> Iterator[str]:
    """Everything that stands against it. paths: of the tree; images: by full name."""
    if not versions:
        return
    if not target:
        yield "this bundle installs no Kubernetes, so there is no way to it"
        return
    last = KubernetesVersion.parse(target)
    minors = [KubernetesVersion.parse(each).minor for each in versions]
    wanted = list(range(last.minor - len(minors), last.minor))
    if minors != wanted or len(minors) >= REACH:
        said = ", ".join(f"v1.{minor}" for minor in range(last.minor - REACH + 1, last.minor))
        yield (
            f"{' '.join(versions)} is no way to {target}: every minor just below it, each once, and {said}"
            " at most, since a kubelet may be three behind"
        )
    named = {_short(image) for image in images}
    for version in versions:
        if kubeadm_of(version) not in paths:
            yield f"{kubeadm_of(version)} is not in the bundle"
        if missing := [each for each in IMAGES if f"{each}:{version}" not in named]:
            yield f"images of {version} are missing: {', '.join(missing)}"


def _short(name: str) -> str:
    reference = Reference.parse(name)
    return f"{reference.repository.rpartition('/')[2]}:{reference.tag}"
