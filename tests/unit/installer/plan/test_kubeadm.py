"""kubeadm's configuration: what goes over what, and what follows from the hosts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from bundler.core.errors import BundlerError, Problems
from bundler.core.index import Index
from bundler.installer.facts.model import CgroupVersion, Facts
from bundler.installer.plan.decide import decide
from bundler.installer.plan.steps import Exec, Plan, Write
from bundler.installer.site.model import Host, Role, Site
from tests.unit.installer.plan import kit


def content(made: Plan, name: str) -> str:
    step = kit.steps(made)[name]
    assert isinstance(step, Write)
    return step.content


def documents(
    of: Site | None = None, found: Facts | None = None, bundle: Index | None = None
) -> dict[str, Any]:
    """What `kubeadm init` reads, by kind."""
    text = content(kit.plan(of, found, bundle), "control-plane/10.0.0.2/config")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def joining(
    of: Site | None = None, found: Facts | None = None, bundle: Index | None = None
) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content(kit.plan(of, found, bundle), "workers/10.0.0.3/config"))
    return document


def test_the_bundles_file_goes_over_our_defaults_and_the_clusterfile_over_both() -> None:
    own = {"networking": {"podSubnet": "10.9.0.0/16"}, "apiServer": {"extraArgs": {"v": "3"}}}
    of = replace(kit.site(), kubeadm={"ClusterConfiguration": own})
    cluster = documents(of)["ClusterConfiguration"]
    assert cluster["imageRepository"] == "k8s.gcr.io"  # the bundle's
    assert cluster["networking"] == {"podSubnet": "10.9.0.0/16", "serviceSubnet": "10.96.0.0/16"}
    assert cluster["apiServer"]["extraArgs"] == {"audit-log-maxage": "7", "v": "3"}
    assert cluster["kubernetesVersion"] == "v1.20.2"


@pytest.mark.parametrize(
    ("version", "api"),
    [("v1.20.2", "v1beta2"), ("v1.22.0", "v1beta3"), ("v1.30.4", "v1beta3"), ("v1.31.0", "v1beta4")],
)
def test_api_version_follows_kubernetes(version: str, api: str) -> None:
    found = documents(bundle=kit.index(kubernetes=version))
    assert found["ClusterConfiguration"]["apiVersion"] == f"kubeadm.k8s.io/{api}"
    assert found["KubeletConfiguration"]["apiVersion"] == "kubelet.config.k8s.io/v1beta1"


def test_arguments_become_lists_where_the_api_wants_them() -> None:
    bundle = kit.index(kubernetes="v1.31.0")
    cluster = documents(bundle=bundle)["ClusterConfiguration"]
    assert cluster["apiServer"]["extraArgs"] == [{"name": "audit-log-maxage", "value": "7"}]
    assert joining(bundle=bundle)["nodeRegistration"]["kubeletExtraArgs"] == [
        {"name": "node-ip", "value": kit.WORKER}
    ]


@pytest.mark.parametrize(
    ("cgroup", "driver"), [(CgroupVersion.V1, "cgroupfs"), (CgroupVersion.V2, "systemd")]
)
def test_kubelet_and_containerd_use_one_cgroup_driver(cgroup: CgroupVersion, driver: str) -> None:
    of = kit.site()
    made = kit.plan(of, kit.facts(of, control_plane={"cgroup": cgroup}, worker={"cgroup": cgroup}))
    kubelet = next(
        document
        for document in yaml.safe_load_all(content(made, "control-plane/10.0.0.2/config"))
        if document["kind"] == "KubeletConfiguration"
    )
    assert kubelet["cgroupDriver"] == driver
    systemd = "SystemdCgroup = true" in content(made, "runtime/10.0.0.2/config")
    assert systemd is (driver == "systemd")


def test_a_host_that_differs_says_so_itself() -> None:
    of = kit.site()
    found = kit.facts(of, worker={"cgroup": CgroupVersion.V1})
    assert joining(of, found)["nodeRegistration"]["kubeletExtraArgs"]["cgroup-driver"] == "cgroupfs"


@pytest.mark.parametrize(
    ("change", "kind", "expected"),
    [
        ({"swap": True}, "KubeletConfiguration", ("failSwapOn", False)),
        ({"swap": False}, "KubeletConfiguration", ("failSwapOn", True)),
        ({"conntrack_writable": False}, "KubeProxyConfiguration", ("conntrack", {"maxPerCore": 0})),
    ],
)
def test_settings_that_all_nodes_share_follow_the_weakest(
    change: Mapping[str, object], kind: str, expected: tuple[str, object]
) -> None:
    of = kit.site()
    found = documents(of, kit.facts(of, worker=change))[kind]
    assert found[expected[0]] == expected[1]


def test_an_address_that_the_host_does_not_have_is_not_advertised() -> None:
    of = kit.site()
    found = documents(of, kit.facts(of, control_plane={"addresses": ("192.168.1.1",)}))["InitConfiguration"]
    assert "advertiseAddress" not in found["localAPIEndpoint"]
    assert "node-ip" not in found["nodeRegistration"]["kubeletExtraArgs"]


@pytest.mark.parametrize(
    ("roles", "workers", "takes_pods"),
    [
        ({Role.CONTROL_PLANE}, 1, False),
        ({Role.CONTROL_PLANE}, 0, True),
        ({Role.CONTROL_PLANE, Role.WORKER}, 1, True),
    ],
)
def test_the_control_plane_takes_pods_only_where_it_must(
    roles: set[Role], workers: int, *, takes_pods: bool
) -> None:
    of = kit.site(workers)
    first = Host(kit.CONTROL_PLANE, frozenset(roles))
    of = replace(of, hosts=(first, *of.hosts[1:]))
    registration = documents(of)["InitConfiguration"]["nodeRegistration"]
    assert (registration.get("taints") == []) is takes_pods


@pytest.mark.parametrize(
    ("files", "images", "init", "join"),
    [
        ({}, (), "preflight,kubelet-start,addon/coredns", "preflight"),
        ({"root/bin/crictl": 5}, (), "kubelet-start,addon/coredns", ""),
        ({}, ("k8s.gcr.io/coredns:1.7.0",), "preflight,kubelet-start", "preflight"),
    ],
)
def test_phases_that_cannot_work_are_skipped(
    files: Mapping[str, int], images: tuple[str, ...], init: str, join: str
) -> None:
    made = kit.steps(kit.plan(bundle=kit.index(files=files, images=(*kit.IMAGES, *images))))
    scripts = [made["control-plane/10.0.0.2/init"], made["workers/10.0.0.3/join"]]
    for step, phases in zip(scripts, (init, join), strict=True):
        assert isinstance(step, Exec)
        assert f"phases={phases or chr(39) * 2}\n" in step.script


def test_the_token_reaches_the_worker_by_a_slot_only() -> None:
    step = kit.steps(kit.plan())["workers/10.0.0.3/discovery"]
    assert isinstance(step, Write)
    found = yaml.safe_load(step.content)
    assert found["users"][0]["user"] == {"token": "@@token@@"}
    assert found["clusters"][0]["cluster"]["certificate-authority-data"] == "@@ca@@"
    assert step.slots == ("ca", "token")
    assert step.secret


def test_the_clusters_subnets_come_from_sealers_variables_too() -> None:
    of = replace(kit.site(), env={"PodCIDR": "10.7.0.0/16", "SvcCIDR": "10.8.0.0/16"})
    networking = documents(of)["ClusterConfiguration"]["networking"]
    assert networking == {"podSubnet": "10.7.0.0/16", "serviceSubnet": "10.8.0.0/16"}


def test_a_document_of_another_group_is_refused() -> None:
    of = replace(kit.site(), kubeadm={"ClusterConfiguration": {"apiVersion": "apps/v1"}})
    with pytest.raises(BundlerError, match="can't be of apps/v1"):
        kit.plan(of)


def test_an_unknown_document_in_the_bundles_file_is_told_with_its_line() -> None:
    bundle = kit.index()
    files = {**kit.files_of(bundle), "root/etc/kubeadm.yml": b"kind: Pod\n"}
    of = kit.site()
    with pytest.raises(Problems) as caught:
        decide(of, kit.facts(of), bundle, kit.SECRETS, files)
    assert str(caught.value.problems[0].location) == "root/etc/kubeadm.yml:1:7"


def test_in_a_container_kubeadms_own_checks_are_skipped_there_only() -> None:
    of = kit.site()
    bundle = kit.index(kubernetes="v1.34.4", images=(*kit.IMAGES, "registry.k8s.io/coredns/coredns:v1.12.1"))
    made = kit.steps(kit.plan(of, kit.facts(of, worker={"virtualisation": "systemd-nspawn"}), bundle))
    init, join = made["control-plane/10.0.0.2/init"], made["workers/10.0.0.3/join"]
    assert isinstance(init, Exec)
    assert isinstance(join, Exec)
    assert "phases=kubelet-start\n" in init.script
    assert "phases=preflight\n" in join.script


def test_a_run_that_goes_on_is_not_ended_by_what_the_cut_one_left() -> None:
    of = kit.site()
    made = kit.steps(kit.plan(of, kit.facts(of, worker={"swap": True})))
    init, join = made["control-plane/10.0.0.2/init"], made["workers/10.0.0.3/join"]
    assert isinstance(init, Exec)
    assert isinstance(join, Exec)
    ignored = {
        step.id: next(line for line in step.script.splitlines() if line.startswith("ignored="))
        for step in (init, join)
    }
    assert {"Port-10250", "Port-6443", "DirAvailable--var-lib-etcd", "Swap"} <= set(
        ignored[init.id].removeprefix("ignored=").split(",")
    )
    assert {"Port-10250", "FileAvailable--etc-kubernetes-kubelet.conf", "Swap"} <= set(
        ignored[join.id].removeprefix("ignored=").split(",")
    )
