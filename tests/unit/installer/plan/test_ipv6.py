"""Sites of IPv6, and of both families: brackets where a port follows, plain addresses everywhere else."""

import json
from dataclasses import replace

import pytest
import yaml

from bundler.core.errors import Problems
from bundler.installer.facts.model import Facts
from bundler.installer.plan.steps import Exec, Plan, Write
from bundler.installer.site.clusterfile.addresses import expand
from bundler.installer.site.clusterfile.read import read
from bundler.installer.site.model import Host, Role, Site
from tests.unit.installer.plan import kit

CP, CP2, WORKER = "fd00::2", "fd00::4", "fd00::3"
NETWORKS = {"podSubnet": "10.244.0.0/16,fd01::/48", "serviceSubnet": "10.96.0.0/16,fd02::/112"}
BUNDLE = kit.index(packages=kit.BALANCED)


def site(*, two: bool = False) -> Site:
    cp, worker = frozenset({Role.CONTROL_PLANE}), frozenset({Role.WORKER})
    hosts = (Host(CP, cp), *((Host(CP2, cp),) if two else ()), Host(WORKER, worker))
    return Site("six", hosts)


def facts(of: Site) -> Facts:
    return Facts(
        {
            host.address: kit.host_facts(
                host.address, hostname=f"n{host.address[-1]}", addresses=host.addresses,
                commands=frozenset({"systemctl", "tar", "sha256sum", "apt-get", "modprobe"}),
            )
            for host in of.hosts
        },
        0.0,
    )  # fmt: skip


def made(of: Site) -> Plan:
    return kit.plan(of, facts(of), BUNDLE)


def content(plan: Plan, step: str) -> str:
    found = kit.steps(plan)[step]
    assert isinstance(found, Write)
    return found.content


def test_what_kubeadm_reads() -> None:
    documents = list(yaml.safe_load_all(content(made(site()), f"control-plane/{CP}/config")))
    by_kind = {each["kind"]: each for each in documents}
    assert by_kind["InitConfiguration"]["localAPIEndpoint"]["advertiseAddress"] == CP
    assert by_kind["ClusterConfiguration"]["networking"] == {
        "podSubnet": "fd64:100::/48", "serviceSubnet": "fd64:96::/112",
    }  # fmt: skip
    join = json.loads(content(made(site()), f"workers/{WORKER}/config"))
    assert {"name": "node-ip", "value": WORKER} in join["nodeRegistration"]["kubeletExtraArgs"]


def test_addresses_before_a_port_stand_in_brackets() -> None:
    plan = made(site(two=True))
    mirror = content(plan, f"runtime/{WORKER}/mirror-docker.io")
    assert f"https://[{CP}]:5000/" in mirror
    assert f"https://[{CP2}]:5000/" in mirror
    balancer = content(plan, f"host/{WORKER}/endpoint-config")
    assert f"server n2 [{CP}]:6443" in balancer
    room = kit.steps(plan)[f"control-plane/{CP}/room-for-{CP2}"]
    assert "besides='[fd00::4]'" in getattr(room, "script", "")


def test_lines_of_etc_hosts_and_kernel_settings() -> None:
    prepare = kit.steps(made(site()))[f"host/{WORKER}/prepare"]
    assert isinstance(prepare, Exec)
    assert f"{CP} registry.internal\n" in prepare.stdin
    assert "net/ipv6/conf/all/forwarding=1" in prepare.script
    of_four = kit.steps(kit.plan())[f"host/{kit.WORKER}/prepare"]
    assert isinstance(of_four, Exec)
    assert "ipv6" not in of_four.script.partition("found.sh")[0].splitlines()[4]


def test_a_host_of_both_families() -> None:
    of = replace(
        kit.site(),
        hosts=tuple(replace(host, more=(f"fd00::{n}",)) for n, host in enumerate(kit.site().hosts, 2)),
        kubeadm={
            "ClusterConfiguration": {
                "networking": {
                    "podSubnet": "10.244.0.0/16,fd01::/48",
                    "serviceSubnet": "10.96.0.0/16,fd02::/112",
                }
            }
        },
    )
    plan = kit.plan(of, facts(of))
    join = json.loads(content(plan, f"workers/{kit.WORKER}/config"))
    assert {"name": "node-ip", "value": f"{kit.WORKER},fd00::3"} in join["nodeRegistration"][
        "kubeletExtraArgs"
    ]
    documents = yaml.safe_load_all(content(plan, f"control-plane/{kit.CONTROL_PLANE}/config"))
    cluster = next(each for each in documents if each["kind"] == "ClusterConfiguration")
    assert cluster["networking"]["podSubnet"] == "10.244.0.0/16,fd01::/48"
    assert "fd00::2" in cluster["apiServer"]["certSANs"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fd00::2", ("fd00::2",)),
        ("FD00:0::2", ("fd00::2",)),
        ("fd00::9-fd00::b", ("fd00::9", "fd00::a", "fd00::b")),
    ],
)
def test_expand(text: str, expected: tuple[str, ...]) -> None:
    assert expand(text) == expected


@pytest.mark.parametrize(
    "text",
    ["fe80::1", "::", "ff02::1", "fd00::2-10.0.0.9", "::ffff:10.0.0.2", "fd00::-fd01::", "fd00::1%eth0"],
)
def test_what_is_no_hosts_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        expand(text)


FILE = """\
apiVersion: bundler/v1
kind: Cluster
spec:
  hosts:
  - {ips: [10.0.0.2], roles: [control-plane], addresses: [fd00::2]}
  - {ips: ['fd00::3-fd00::4'], roles: [worker]}
"""


def test_the_clusterfile() -> None:
    hosts = read(FILE, "site.yaml").hosts
    assert [host.addresses for host in hosts] == [("10.0.0.2", "fd00::2"), ("fd00::3",), ("fd00::4",)]
    with pytest.raises(Problems, match="listed twice"):
        read(FILE.replace("[fd00::2]", "[10.0.0.2]"), "site.yaml")
    with pytest.raises(Problems, match="addresses are one host's"):
        read(FILE.replace("roles: [worker]", "roles: [worker], addresses: [fd00::9]"), "site.yaml")
