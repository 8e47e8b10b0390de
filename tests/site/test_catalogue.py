"""The catalogue's other choices on machines: the minor version before the newest, and flannel."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import lifecycle, product, ssh, watch
from tests.site.spec import SiteSpec

pytestmark = pytest.mark.site
_PODS = "get pods -l app.kubernetes.io/name=web -o jsonpath="
_PAGE = 8080  # where the demo's image answers in its pod


@dataclass(frozen=True, slots=True)
class Chosen:
    """A cluster of two that was made with build arguments."""

    spec: SiteSpec

    def web(self) -> dict[str, tuple[str, str]]:
        """Node → (pod, address) of the demo's DaemonSet."""
        line = "'{range .items[*]}{.spec.nodeName} {.metadata.name} {.status.podIP}{\"\\n\"}{end}'"
        listed = product.kubectl(self.spec, f"{_PODS}{line}").split("\n")
        return {node: (pod, address) for node, pod, address in map(str.split, filter(None, listed))}

    def inside(self, pod: str, command: str) -> str:
        return product.kubectl(self.spec, f"exec {pod} -- {command}")


def _made(folder: Path, **build_args: str) -> Iterator[Chosen]:
    run_file = folder / "demo.run"
    options = [word for name, value in build_args.items() for word in ("--build-arg", f"{name}={value}")]
    product.make(run_file, *options, quiet=True)
    spec = SiteSpec("catalogue", IPv4Network("10.79.214.0/24"), 2)
    lifecycle.up(spec, lambda _: None)
    try:
        product.carry(spec, run_file)
        done = product.run(spec, "--clusterfile site.yaml")
        assert done.returncode == 0, done.stderr[-3000:]
        yield Chosen(spec)
    finally:
        lifecycle.down(spec.name, lambda _: None)


@pytest.fixture
def flannel(tmp_path: Path) -> Iterator[Chosen]:
    yield from _made(tmp_path, NETWORK="flannel")


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Chosen]:
    yield from _made(tmp_path, KUBERNETES_VERSION="1.36.3")


def _check_pods_reach_each_other(cluster: Chosen) -> None:
    web = cluster.web()
    (here, _), (_, there) = web["node-1"], web["node-2"]
    assert product.PAGES[30080] in cluster.inside(here, f"busybox wget -qO- http://{there}:{_PAGE}/")
    assert "Address: 10.96.0.1" in cluster.inside(
        here, "busybox nslookup kubernetes.default.svc.cluster.local"
    )
    product.wait_for_pages(cluster.spec)
    assert not watch.seen(cluster.spec, watch.CLUSTER_NETWORKS)


@pytest.mark.rotating("flannel", kind="cluster")
def test_flannel_joins_pods_of_two_nodes_and_leaves_nothing(flannel: Chosen) -> None:
    first = flannel.spec.machines[0]
    assert "vxlan" in ssh.on(flannel.spec, first, "ip -d link show flannel.1")
    _check_pods_reach_each_other(flannel)
    done = product.run(flannel.spec, "delete --clusterfile site.yaml --yes")
    assert done.returncode == 0, done.stderr[-3000:]
    left = "ip -br link | grep -E 'flannel|cni0' || :; ls -d /run/flannel /etc/cni /opt/cni 2>/dev/null || :"
    for machine in flannel.spec.machines:
        assert ssh.on(flannel.spec, machine, left) == ""


@pytest.mark.rotating("kubernetes-1.36", kind="cluster")
def test_the_minor_version_before_the_newest_comes_up(older: Chosen) -> None:
    versions = product.kubectl(
        older.spec, "get nodes -o jsonpath='{.items[*].status.nodeInfo.kubeletVersion}'"
    )
    assert versions.split() == ["v1.36.3", "v1.36.3"]
    images = product.kubectl(
        older.spec, "get pods -n kube-system -o jsonpath='{.items[*].spec.containers[*].image}'"
    )
    assert {"registry.k8s.io/etcd:3.6.16-0", "registry.k8s.io/coredns/coredns:v1.14.2"} <= set(images.split())
    _check_pods_reach_each_other(older)
