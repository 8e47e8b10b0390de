"""Three control planes and a worker by one command; then the one with etcd's leader loses power.

The tests run in the order in which they stand, on one site.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.installer.scripts.render import load, script
from tests.site import lifecycle, power, product, ssh, watch
from tests.site.groups import host_groups
from tests.site.probe import probing
from tests.site.spec import Machine, SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("control-planes", kind="cluster")]

_LIMIT = 5.0  # seconds for the API to be back through a worker's endpoint
# Images of the bundle that a worker never runs, so that it has to pull them.
_FOREIGN = ("kube-apiserver", "kube-scheduler", "kube-controller-manager")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three control planes, then a worker."""

    spec: SiteSpec

    @property
    def control_planes(self) -> tuple[Machine, ...]:
        return self.spec.machines[:3]

    @property
    def worker(self) -> Machine:
        return self.spec.machines[3]

    def kubectl(self, arguments: str, on: Machine | None = None) -> str:
        """As root types it, without an option."""
        return ssh.on(self.spec, on or self.control_planes[0], f"kubectl {arguments}")

    def etcd(self, asked: str, on: Machine | None = None) -> str:
        return ssh.on(self.spec, on or self.control_planes[0], f"{load('etcd.sh')}\n{asked}")

    def leader(self) -> Machine:
        """The control plane whose member leads etcd."""
        for machine in self.control_planes:
            url = f"https://{machine.address}:2379"
            if self.etcd(f"if etcd_leads {url}; then echo leads; fi").strip() == "leads":
                return machine
        raise AssertionError("nobody leads etcd")

    def restarts(self, besides: Machine, on: Machine) -> dict[str, int]:
        """How often each container has restarted, on all nodes but one."""
        pods = json.loads(self.kubectl("get pods -A -o json", on))["items"]
        return {
            f"{pod['metadata']['name']} {status['name']}": status["restartCount"]
            for pod in pods
            if pod["spec"]["nodeName"] != besides.name
            for status in pod["status"]["containerStatuses"]
        }

    def pull(self, image: str) -> float:
        """Pull an image of Kubernetes' own on the worker, as containerd would; gives the seconds."""
        full = next(name for name in self.images() if f"/{image}:" in name)
        began = time.monotonic()
        ssh.on(self.spec, self.worker, f"ctr -n k8s.io images pull --hosts-dir /etc/bundler/certs.d {full}")
        return time.monotonic() - began

    def images(self) -> list[str]:
        pods = json.loads(self.kubectl("get pods -n kube-system -o json", self.control_planes[-1]))["items"]
        return [container["image"] for pod in pods for container in pod["spec"]["containers"]]


@pytest.fixture(scope="module")
def cluster(run_file: Path) -> Iterator[Cluster]:
    spec = SiteSpec("controlplanes", IPv4Network("10.79.206.0/24"), 4)
    lifecycle.up(spec, lambda _: None)
    product.carry(spec, run_file, control_planes=3)
    yield Cluster(spec)
    lifecycle.down(spec.name, lambda _: None)


def test_one_command_brings_up_three_control_planes_and_a_worker(cluster: Cluster) -> None:
    done = product.run(cluster.spec, "--clusterfile site.yaml", timeout=1200)
    assert done.returncode == 0, done.stderr
    assert product.ready_nodes(cluster.spec) == {machine.name: True for machine in cluster.spec.machines}
    members = [line.split(",") for line in cluster.etcd("etcd_members").splitlines()]
    assert sorted(member[2] for member in members) == [each.name for each in cluster.control_planes]
    assert {(member[1], member[5]) for member in members} == {("started", "false")}
    assert watch.seen(cluster.spec, watch.CLUSTER_NETWORKS) == ()


def test_a_second_run_has_nothing_to_do(cluster: Cluster) -> None:
    done = product.run(cluster.spec, "--clusterfile site.yaml")
    assert done.returncode == 0
    assert "nothing to do" in done.stderr


def test_root_has_a_kubectl_on_every_control_plane(cluster: Cluster) -> None:
    for machine in cluster.control_planes:
        assert cluster.kubectl("get --raw /readyz", machine) == "ok"


def test_no_key_lies_around_and_none_is_in_a_log(cluster: Cluster) -> None:
    key = ssh.on(cluster.spec, cluster.control_planes[0], "sed -n 2p /etc/kubernetes/pki/ca.key").strip()
    for machine in cluster.control_planes:
        modes = ssh.on(
            cluster.spec, machine, "find /etc/kubernetes/pki -name '*.key' -printf '%m\\n'"
        ).split()
        assert set(modes) == {"600"}
        found = f"grep -rlF '{key}' /var/lib/bundler /root /var/log /tmp 2>/dev/null"
        assert ssh.try_on(cluster.spec, machine, found).stdout == ""
    packed = "ls /var/lib/bundler/join-pki /var/lib/bundler/discovery.conf 2>/dev/null"
    assert all(ssh.try_on(cluster.spec, machine, packed).stdout == "" for machine in cluster.spec.machines)


def test_only_our_balancer_runs_on_a_worker_and_only_there(cluster: Cluster) -> None:
    units = "systemctl is-active bundler-endpoint; systemctl is-enabled bundler-endpoint haproxy"
    said = ssh.try_on(cluster.spec, cluster.worker, units).stdout.split()
    assert said == ["active", "enabled", "disabled"]
    first = ssh.try_on(cluster.spec, cluster.control_planes[0], "systemctl is-active bundler-endpoint")
    assert first.stdout.strip() == "inactive"


def test_the_api_and_pulls_go_on_when_the_leader_loses_power(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    off = cluster.leader()
    stays = next(machine for machine in cluster.control_planes if machine != off)
    before = cluster.restarts(off, stays)
    with probing(cluster.spec, cluster.worker, stays, tmp_path) as record:
        time.sleep(2)
        moment = time.time()
        power.off(cluster.spec, off, host_groups())
        seconds = cluster.pull(_FOREIGN[0])
        time.sleep(15)
    back, failed = record.back_after(moment), record.failed()
    with capsys.disabled():
        counts = f"{len(failed)} of {len(record.answers)} requests failed"
        print(f"\nleader off: API back after {back:.1f} s, {counts}; a pull took {seconds:.1f} s")  # noqa: T201  (figures)
    assert back <= _LIMIT, failed
    assert cluster.restarts(off, stays) == before
    power.on(cluster.spec, off, host_groups())
    deadline = time.monotonic() + 180
    settled = script("etcd.sh", "etcd-settled.sh", member=off.name, besides="")
    while ssh.try_on(cluster.spec, stays, f"(\n{settled}\n) >/dev/null 2>&1").returncode:
        assert time.monotonic() < deadline, "the member did not come back"
        time.sleep(1)


def test_pulls_go_on_with_one_registry_left(cluster: Cluster) -> None:
    *stopped, _ = cluster.control_planes
    for machine in stopped:
        ssh.on(cluster.spec, machine, "systemctl stop bundler-registry")
    cluster.pull(_FOREIGN[1])
    for machine in stopped:
        ssh.on(cluster.spec, machine, "systemctl start bundler-registry")


def test_delete_leaves_none_of_it(cluster: Cluster) -> None:
    done = product.run(cluster.spec, "delete --clusterfile site.yaml --yes")
    assert done.returncode == 0, done.stderr
    for machine in cluster.spec.machines:
        ours = "/root/.kube /etc/kubernetes /etc/bundler /usr/sbin/haproxy /var/lib/bundler"
        left = f"find {ours} -type f ! -path '{product.TRUSTED}/*' 2>/dev/null"
        assert ssh.try_on(cluster.spec, machine, left).stdout == "", machine.name
        assert "bundler" not in ssh.on(cluster.spec, machine, "cat /etc/hosts")
