"""kubeadm's configuration: what goes over what, and what follows from the hosts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from bundler.core.errors import Problems
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
    assert cluster["imageRepository"] == "registry.k8s.io"  # the bundle's
    assert cluster["networking"] == {"podSubnet": "10.9.0.0/16", "serviceSubnet": "10.96.0.0/16"}
    arguments = cluster["apiServer"]["extraArgs"]
    assert {"name": "v", "value": "3"} in arguments
    # Ours is 30 days; the bundle's takes its place, and does not stand beside it.
    assert [each["value"] for each in arguments if each["name"] == "audit-log-maxage"] == ["7"]
    assert cluster["kubernetesVersion"] == "v1.34.4"


@pytest.mark.parametrize(
    ("version", "api"),
    [("v1.26.0", "v1beta3"), ("v1.30.4", "v1beta3"), ("v1.31.0", "v1beta4"), ("v1.37.2", "v1beta4")],
)
def test_api_version_follows_kubernetes(version: str, api: str) -> None:
    found = documents(bundle=kit.index(kubernetes=version))
    assert found["ClusterConfiguration"]["apiVersion"] == f"kubeadm.k8s.io/{api}"
    assert found["KubeletConfiguration"]["apiVersion"] == "kubelet.config.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("version", "form"),
    [("v1.30.4", {"node-ip": kit.WORKER}), ("v1.31.0", [{"name": "node-ip", "value": kit.WORKER}])],
)
def test_arguments_have_the_form_that_the_api_wants(version: str, form: object) -> None:
    bundle = kit.index(kubernetes=version)
    assert joining(bundle=bundle)["nodeRegistration"]["kubeletExtraArgs"] == form


def test_repeated_arguments_are_kept_with_their_order_and_replace_ours_as_a_whole() -> None:
    issuers = [{"name": "service-account-issuer", "value": each} for each in ("https://new", "https://old")]
    given = [{"name": "profiling", "value": "true"}, *issuers]
    own = {"apiVersion": "kubeadm.k8s.io/v1beta4", "apiServer": {"extraArgs": given}}
    found = documents(replace(kit.site(), kubeadm={"ClusterConfiguration": own}))["ClusterConfiguration"]
    arguments = found["apiServer"]["extraArgs"]
    assert arguments[-3:] == given
    assert [each["name"] for each in arguments].count("profiling") == 1


def test_volumes_of_the_site_stand_beside_ours() -> None:
    own = {"apiServer": {"extraVolumes": [{"name": "own", "hostPath": "/own", "mountPath": "/own"}]}}
    found = documents(replace(kit.site(), kubeadm={"ClusterConfiguration": own}))["ClusterConfiguration"]
    assert {each["name"] for each in found["apiServer"]["extraVolumes"]} == {"bundler", "audit", "own"}


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
    bundle = kit.index(kubernetes="v1.29.0")
    registration = joining(of, found, bundle)["nodeRegistration"]
    assert registration["kubeletExtraArgs"]["cgroup-driver"] == "cgroupfs"


def drop_in(of: Site, found: Facts, host: str) -> dict[str, Any]:
    text = content(kit.plan(of, found), f"host/{host}/kubelet-own")
    document: dict[str, Any] = yaml.safe_load(text)
    assert (document.pop("kind"), document.pop("apiVersion").partition("/")[0]) == (
        "KubeletConfiguration",
        "kubelet.config.k8s.io",
    )
    return document


def test_from_1_30_on_a_host_that_differs_says_so_in_a_drop_in() -> None:
    of = kit.site()
    found = kit.facts(of, worker={"cgroup": CgroupVersion.V1, "swap": True})
    assert drop_in(of, found, kit.CONTROL_PLANE) == {}
    assert drop_in(of, found, kit.WORKER) == {"cgroupDriver": "cgroupfs", "failSwapOn": False}
    names = {each["name"] for each in joining(of, found)["nodeRegistration"]["kubeletExtraArgs"]}
    assert names == {"node-ip"}
    assert documents(of, found)["KubeletConfiguration"]["failSwapOn"] is True
    unit = content(kit.plan(of, found), "host/10.0.0.3/kubelet-unit")
    assert " --config-dir=/etc/kubernetes/kubelet.conf.d" in unit


def test_what_the_site_says_of_kubelets_is_not_overruled_by_a_drop_in() -> None:
    of = replace(
        kit.site(), kubeadm={"KubeletConfiguration": {"failSwapOn": True, "cgroupDriver": "systemd"}}
    )
    found = kit.facts(of, worker={"cgroup": CgroupVersion.V1, "swap": True})
    assert drop_in(of, found, kit.WORKER) == {}


def test_before_1_30_there_is_no_drop_in() -> None:
    made = kit.plan(bundle=kit.index(kubernetes="v1.29.9"))
    assert "host/10.0.0.3/kubelet-own" not in kit.steps(made)
    assert "config-dir" not in content(made, "host/10.0.0.3/kubelet-unit")


def test_swap_is_forgiven_on_the_host_that_has_it_and_nowhere_else() -> None:
    of = kit.site(workers=2)
    found = kit.facts(of, worker={"swap": True})
    old = kit.index(kubernetes="v1.29.0")
    assert documents(of, found, old)["KubeletConfiguration"]["failSwapOn"] is True
    assert joining(of, found, old)["nodeRegistration"]["kubeletExtraArgs"]["fail-swap-on"] == "false"
    made = kit.plan(of, found, old)
    assert "Swap" in ignored(made, "workers/10.0.0.3/join")
    assert "Swap" not in ignored(made, "workers/10.0.0.4/join")
    assert "Swap" not in ignored(made, "control-plane/10.0.0.2/init")


def test_kube_proxy_leaves_conntrack_alone_where_the_control_plane_must() -> None:
    of = kit.site()
    fixed = {"conntrack_writable": False}
    found = documents(of, kit.facts(of, control_plane=fixed, worker=fixed))["KubeProxyConfiguration"]
    assert found["conntrack"] == {"maxPerCore": 0}


def test_an_address_that_the_host_does_not_have_is_not_advertised() -> None:
    of = kit.site()
    found = documents(of, kit.facts(of, control_plane={"addresses": ("192.168.1.1",)}))["InitConfiguration"]
    assert "advertiseAddress" not in found["localAPIEndpoint"]
    assert found["nodeRegistration"]["kubeletExtraArgs"] == []


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
    ("version", "files", "init", "join"),
    [
        ("v1.30.1", {}, "preflight,kubelet-start", "preflight"),
        ("v1.30.1", {"root/bin/crictl": 5}, "kubelet-start", ""),
        ("v1.31.0", {}, "kubelet-start", ""),
    ],
)
def test_phases_that_cannot_work_are_skipped(
    version: str, files: Mapping[str, int], init: str, join: str
) -> None:
    made = kit.steps(kit.plan(bundle=kit.index(files=files, kubernetes=version)))
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
    with pytest.raises(Problems) as caught:
        kit.plan(of)
    (problem,) = caught.value.problems
    assert problem.message == "ClusterConfiguration can't be of apps/v1"


def test_an_unknown_document_in_the_bundles_file_is_told_with_its_line() -> None:
    bundle = kit.index()
    files = {**kit.files_of(bundle), "root/etc/kubeadm.yml": b"kind: Pod\n"}
    of = kit.site()
    with pytest.raises(Problems) as caught:
        decide(of, kit.facts(of), bundle, kit.SECRETS, files)
    assert str(caught.value.problems[0].location) == "root/etc/kubeadm.yml:1:7"


def ignored(made: Plan, name: str) -> set[str]:
    step = kit.steps(made)[name]
    assert isinstance(step, Exec)
    line = next(line for line in step.script.splitlines() if line.startswith("ignored="))
    return set(line.removeprefix("ignored=").split(","))


def test_in_a_container_the_one_check_that_wants_a_kernel_is_ignored_there_only() -> None:
    of = kit.site()
    made = kit.plan(of, kit.facts(of, worker={"virtualisation": "systemd-nspawn"}))
    assert "SystemVerification" not in ignored(made, "control-plane/10.0.0.2/init")
    assert "SystemVerification" in ignored(made, "workers/10.0.0.3/join")


def test_a_run_that_goes_on_is_not_ended_by_what_the_cut_one_left() -> None:
    of = kit.site()
    made = kit.plan(of, kit.facts(of, worker={"swap": True}))
    init = ignored(made, "control-plane/10.0.0.2/init")
    assert {"Port-10250", "Port-6443", "DirAvailable--var-lib-etcd"} <= init
    assert "Swap" not in init
    join = ignored(made, "workers/10.0.0.3/join")
    assert {"Port-10250", "FileAvailable--etc-kubernetes-kubelet.conf", "Swap"} <= join
