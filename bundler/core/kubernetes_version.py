"""Versions of Kubernetes as numbers, the one reading of both programs' words for them."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from bundler.core.errors import BundlerError, ExitCode

_FORM: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)([-+].*)?")


@dataclass(frozen=True, slots=True, order=True)
class KubernetesVersion:
    """`v1.37.2` as numbers; `text` keeps the whole, a suffix such as `-rc.1` included."""

    major: int
    minor: int
    patch: int
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `v1.37.2` or `1.37.2`. Raises BundlerError (INPUT) for anything else."""
        return cls(*_numbers(text), text if text.startswith("v") else f"v{text}")

    def at_least(self, minor: int) -> bool:
        """Whether this is 1.`minor` or newer."""
        return (self.major, self.minor) >= (1, minor)

    @property
    def kubeadm_api(self) -> str:
        """The newest kubeadm configuration API that this version's kubeadm reads."""
        return f"kubeadm.k8s.io/v1beta{4 if self.at_least(31) else 3}"

    @property
    def arguments_are_lists(self) -> bool:
        """From v1beta4 on, `extraArgs` is a list of name and value instead of a map."""
        return self.at_least(31)

    @property
    def preflight_needs_crictl(self) -> bool:
        """Before 1.31, kubeadm's own checks call the program crictl; later ones speak CRI themselves."""
        return not self.at_least(31)

    @property
    def kubelet_drop_ins(self) -> bool:
        """Whether the kubelet reads a folder of drop-ins (--config-dir) without being switched to it."""
        return self.at_least(30)

    @property
    def knows_nftables(self) -> bool:
        """Whether kube-proxy's nftables mode is generally available."""
        return self.at_least(33)

    @property
    def refuses_cgroup_v1(self) -> bool:
        """Whether the kubelet does not start on cgroup v1 unless `failCgroupV1` says so."""
        return self.at_least(35)

    @property
    def authentication_api(self) -> str:
        """The API of a file that limits anonymous requests to some paths; "" where there is none."""
        if self.at_least(34):
            return "apiserver.config.k8s.io/v1"
        return "apiserver.config.k8s.io/v1beta1" if self.at_least(32) else ""


@lru_cache(maxsize=1024)
def _numbers(text: str) -> tuple[int, int, int]:
    """Major, minor, patch; kept, as a plan for many hosts compares the same few versions all the time."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise BundlerError(
            f"not a Kubernetes version: {text[:80]!r}",
            code=ExitCode.INPUT,
            fix="the bundle's LABEL io.kubernetes.version must read like v1.37.2",
        )
    return int(match[1]), int(match[2]), int(match[3])
