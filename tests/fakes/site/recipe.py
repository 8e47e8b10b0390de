"""What is wanted of a simulated site: small, but with a piece of every kind."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bundler.installer.site.desired import AppAim, Desired, DesiredHost, Piece, Versions
from bundler.installer.site.expected import (
    BlobsAre,
    Expected,
    FileIs,
    FilesAre,
    ImagesAre,
    Journalled,
    PackagesAre,
    SysctlsAre,
    UnitRuns,
)
from bundler.installer.site.model import Role

CONTAINERD = "/etc/bundler/containerd.toml"
KUBELET_UNIT = "/etc/systemd/system/kubelet.service"
HOSTS_TOML = "/etc/bundler/certs.d/docker.io/hosts.toml"
BLOBS = ("sha256:aa", "sha256:bb", "sha256:cc")
FIXED = {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/12", "clusterDomain": "cluster.local"}
C, W = Role.CONTROL_PLANE, Role.WORKER


def cp(number: int) -> str:
    """Addresses of control planes: 10.0.0.11, 10.0.0.12 and so on."""
    return f"10.0.0.{10 + number}"


def worker(number: int) -> str:
    """10.0.0.21, 10.0.0.22 and so on."""
    return f"10.0.0.{20 + number}"


def desired(control_planes: Iterable[str], workers: Iterable[str], **changes: object) -> Desired:
    """A site; changes: fields of `Desired`, after which pieces are made anew."""
    hosts = (*(DesiredHost(a, C) for a in control_planes), *(DesiredHost(a, W) for a in workers))
    plain = Desired(
        name="berlin",
        hosts=hosts,
        versions=Versions("shop", "2.1.0", "v1.36.3", ("v1.36.3",)),
        key="SHA256:vendor",
        fixed=FIXED,
        settings={"kube-apiserver": {"audit-log-maxage": "7"}, "kubelet": {"maxPods": "110"}},
        apps=(AppAim("shop", "chart-1"),),
        names=frozenset({"api.berlin.internal"}),
    )
    return with_pieces(replace(plain, **changes))  # type: ignore[arg-type]  # a test names real fields


def with_pieces(
    aim: Desired,
    extra: Iterable[str] = (),
    *,
    pause: str = "pause:3.10",
    registry: str = "",
    revision: int = 1,
) -> Desired:
    """extra: members that the Clusterfile no longer lists. pause, registry: inputs of the runtime."""
    members = {host.address: host.is_control_plane for host in aim.hosts} | dict.fromkeys(extra, False)
    pieces = [
        piece
        for address, control in members.items()
        for piece in _of(address, control=control, pause=pause, registry=registry, revision=revision)
    ]
    return replace(aim, pieces=tuple(pieces))


def _of(address: str, *, control: bool, pause: str, registry: str, revision: int) -> Iterable[Piece]:
    def piece(
        name: str,
        expected: Expected,
        inputs: Mapping[str, str],
        *after: str,
        disturbs: str = "",
        again: int = 1,
    ) -> Piece:
        waits = tuple(f"{each}/{address}" for each in after)
        return Piece(
            f"{name}/{address}", address, name, expected, inputs, again, waits, disturbs, {"/": 1 << 20}
        )

    content = f"containerd {pause}"
    source = {"registry": registry or "own"}
    yield piece("sysctls", SysctlsAre({"net/ipv4/ip_forward": "1"}), {})
    yield piece("packages", PackagesAre(("containerd",)), {})
    yield piece("programs", FilesAre({"/usr/local/bin/kubelet": ("", 100)}), {})
    yield piece("containerd-config", FileIs(CONTAINERD, content), {"pause image": pause, "content": content})
    yield piece(
        "containerd", UnitRuns("containerd.service", content), {"reads": content},
        "containerd-config", "packages", disturbs="runtime", again=revision,
    )  # fmt: skip
    yield piece(
        "mirrors", FileIs(HOSTS_TOML, f"mirror {registry}"), {**source, "content": f"mirror {registry}"}
    )
    yield piece("kubelet-unit", FileIs(KUBELET_UNIT, "unit-1"), {"content": "unit-1"})
    yield piece(
        "kubelet", UnitRuns("kubelet.service", "unit-1"), {"reads": "unit-1"}, "kubelet-unit", "programs",
        disturbs="kubelet",
    )  # fmt: skip
    if control:
        yield piece("blobs", BlobsAre(BLOBS), {})
        yield piece("registry", UnitRuns("bundler-registry.service"), {}, "blobs", disturbs="registry")
    yield piece("images", ImagesAre(("pause", "proxy")), {}, "containerd")
    yield piece("hook", Journalled(), {"content": "hook-1"}, "images")
