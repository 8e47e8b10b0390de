"""Kubernetes versions, and what differs between them for the plan: pure look-ups, no more."""

import re
from dataclasses import dataclass
from typing import Self

from bundler.core.errors import BundlerError, ExitCode

_FORM = re.compile(r"v?(\d+)\.(\d+)\.(\d+)([-+].*)?")


@dataclass(frozen=True, slots=True, order=True)
class KubernetesVersion:
    """`v1.20.2` as numbers; `text` keeps the whole, a suffix such as `-rc.1` included."""

    major: int
    minor: int
    patch: int
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `v1.20.2` or `1.20.2`. Raises BundlerError (INPUT) for anything else."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise BundlerError(
                f"not a Kubernetes version: {text[:80]!r}",
                code=ExitCode.INPUT,
                fix="the bundle's LABEL io.kubernetes.version must read like v1.20.2",
            )
        major, minor, patch = (int(match[group]) for group in (1, 2, 3))
        return cls(major, minor, patch, text if text.startswith("v") else f"v{text}")

    @property
    def kubeadm_api(self) -> str:
        """The newest kubeadm configuration API that this version's kubeadm reads."""
        if (self.major, self.minor) < (1, 22):
            return "kubeadm.k8s.io/v1beta2"
        if (self.major, self.minor) < (1, 31):
            return "kubeadm.k8s.io/v1beta3"
        return "kubeadm.k8s.io/v1beta4"

    @property
    def arguments_are_lists(self) -> bool:
        """From v1beta4 on, `extraArgs` is a list of name and value instead of a map."""
        return self.kubeadm_api.endswith("v1beta4")

    @property
    def cri_socket(self) -> str:
        """containerd's socket in the form that kubeadm of this version writes it."""
        path = "/run/containerd/containerd.sock"
        return path if (self.major, self.minor) < (1, 24) else f"unix://{path}"

    @property
    def preflight_needs_crictl(self) -> bool:
        """Before 1.31, kubeadm's own checks call the program crictl; later ones speak CRI themselves."""
        return (self.major, self.minor) < (1, 31)

    @property
    def server_side_apply(self) -> bool:
        """General since 1.22; before, it refuses ports without a protocol, as most Services have them."""
        return (self.major, self.minor) >= (1, 22)
