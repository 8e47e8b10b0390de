#!/usr/bin/env python3
"""Compile a Kubernetes and all that its nodes run, out of the pinned modules beside this file.

programs.py KUBERNETES_VERSION DESTINATION
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from go_build import Program, build, module_version
from shared import RefusedError, finish

HERE = Path(__file__).resolve().parent
MODULES = HERE / "modules"
SOURCES = HERE / "src"
OTHERWISE = "build FROM kubernetes, whose programs come from their makers"
PLUGINS = "github.com/containernetworking/plugins"


@dataclass(frozen=True, slots=True)
class Release:
    """What goes with a minor version. coredns: what kubeadm names, for its upgrade takes no other."""

    kubernetes: str
    etcd: str
    coredns: str
    pause: str = "3.10.2"

    @property
    def etcd_module(self) -> Path:
        """The folder of etcd's go.mod."""
        return MODULES / f"etcd-{self.etcd}"

    @property
    def etcd_version(self) -> str:
        """Such as `3.7.3`."""
        return module_version(self.etcd_module, "go.etcd.io/etcd/server/v3").removeprefix("v")

    @property
    def etcd_tag(self) -> str:
        """Its image's tag, in the form of upstream's."""
        return f"{self.etcd_version}-0"


RELEASES = (
    Release(kubernetes="1.37", etcd="3.7", coredns="1.14.6"),
    Release(kubernetes="1.36", etcd="3.6", coredns="1.14.2"),
)


def release(version: str) -> Release:
    """What goes with `1.37.2`. Raises RefusedError for a version that is not pinned here."""
    pinned = {
        module_version(MODULES / f"kubernetes-{one.kubernetes}", "k8s.io/kubernetes").removeprefix("v"): one
        for one in RELEASES
    }
    if version not in pinned:
        raise RefusedError(
            f"There is no Kubernetes {version} here, but {' and '.join(pinned)}. "
            f"Fix: --build-arg KUBERNETES_VERSION={next(iter(pinned))}, or FROM kubernetes, which takes any"
        )
    return pinned[version]


def programs(version: str) -> tuple[Program, ...]:
    """All programs of `1.37.2`, in an order in which each finds most of what it shares compiled already."""
    chosen = release(version)
    return (
        *_runtime(),
        *_etcd(chosen),
        Program(
            "coredns", MODULES / f"coredns-{chosen.coredns}", ".", 107, sources=(SOURCES / "coredns/main.go",)
        ),
        _registry(),
        *_kubernetes(version, chosen),
    )


def _kubernetes(version: str, chosen: Release) -> tuple[Program, ...]:
    major, minor, _ = version.split(".")
    facts = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    variables = tuple(
        (f"k8s.io/{package}/version.{name}", value)
        for package in ("client-go/pkg", "component-base")
        for name, value in facts.items()
    )
    seconds = {
        "kubeadm": 218, "kubelet": 316, "kube-apiserver": 219, "kube-controller-manager": 60,
        "kube-scheduler": 17, "kube-proxy": 21, "kubectl": 29,
    }  # fmt: skip
    module = MODULES / f"kubernetes-{chosen.kubernetes}"
    return tuple(
        Program(name, module, f"k8s.io/kubernetes/cmd/{name}", took, variables)
        for name, took in seconds.items()
    )


def _etcd(chosen: Release) -> tuple[Program, ...]:
    packages = {"etcd": ("server", 40), "etcdctl": ("etcdctl", 6), "etcdutl": ("etcdutl", 4)}
    variables = (("go.etcd.io/etcd/api/v3/version.GitSHA", f"v{chosen.etcd_version}"),)
    return tuple(
        Program(name, chosen.etcd_module, f"go.etcd.io/etcd/{package}/v3", took, variables)
        for name, (package, took) in packages.items()
    )


def _runtime() -> tuple[Program, ...]:
    containerd, crictl, cni = MODULES / "containerd", MODULES / "crictl", MODULES / "cni-plugins"
    path = "github.com/containerd/containerd/v2"
    told = ((f"{path}/version.Version", module_version(containerd, path)),)
    built = ((f"{PLUGINS}/pkg/utils/buildversion.BuildVersion", module_version(cni, PLUGINS)),)
    plugins = {
        "main": ("bridge", "loopback", "ptp"),
        "ipam": ("host-local",),
        "meta": ("portmap", "firewall", "bandwidth"),
    }
    return (
        Program("containerd", containerd, f"{path}/cmd/containerd", 85, told),
        Program("containerd-shim-runc-v2", containerd, f"{path}/cmd/containerd-shim-runc-v2", 6, told),
        Program("ctr", containerd, f"{path}/cmd/ctr", 10, told),
        Program(
            "runc",
            MODULES / "runc",
            "github.com/opencontainers/runc",
            17,
            tags=("netgo", "osusergo", "seccomp"),
            libraries=("libseccomp",),
        ),
        Program(
            "crictl",
            crictl,
            "sigs.k8s.io/cri-tools/cmd/crictl",
            41,
            (("sigs.k8s.io/cri-tools/pkg/version.Version", module_version(crictl, "sigs.k8s.io/cri-tools")),),
        ),
        *(
            Program(name, cni, f"{PLUGINS}/plugins/{kind}/{name}", 2, built)
            for kind, names in plugins.items()
            for name in names
        ),
    )


def _registry() -> Program:
    path = "github.com/distribution/distribution/v3"
    module = MODULES / "registry"
    told = ((f"{path}/version.version", module_version(module, path)),)
    return Program("registry", module, ".", 60, told, sources=(SOURCES / "registry/main.go",))


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [version, destination]:
            build(programs(version.removeprefix("v")), Path(destination), otherwise=OTHERWISE)
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
