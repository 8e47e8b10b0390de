"""What observe.sh prints is read; what makes no sense counts as not observed, never as absent."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from bundler.installer.facts import observe
from bundler.installer.facts.api import Cordon, Owner
from bundler.installer.facts.observed import FileState, UnitState
from bundler.installer.facts.seen import Absent, Present, Unknown
from bundler.installer.scripts.render import load
from bundler.installer.site.record import Record
from bundler.installer.site.record_json import to_json

RECORD = Record(site_id="s", name="berlin", generation=3)

SECTIONS = {
    "identity": ["abc", "boot"],
    "record": [to_json(RECORD)],
    "marks": ["removing", "ledger"],
    "traces": ["pki", "etcd_data"],
    "written": [f"{'a' * 64}  /etc/bundler/containerd.toml"],
    "contents": [f"{'b' * 64} /usr/local/bin/kubelet", f"{'c' * 64} /gone"],
    "sizes": ["100 /usr/local/bin/kubelet"],
    "units": [
        "Id=kubelet.service",
        "LoadState=loaded",
        "ActiveState=inactive",
        "UnitFileState=enabled",
        "Id=bundler-registry.service",
        "LoadState=not-found",
        "ActiveState=inactive",
        "UnitFileState=",
    ],
    "sysctls": ["net/ipv4/ip_forward 1"],
    "images": ["docker.io/a:1"],
}
NODE = "\t".join(
    [
        "node",
        "n1",
        "10.0.0.2 ",
        "node-role.kubernetes.io/control-plane= a=b ",
        "node-role.kubernetes.io/control-plane:NoSchedule ",
        "True",
        "v1.37.2",
        "abc",
        "cordoned",
        "leave",
    ]
)


def test_a_host_is_read() -> None:
    host = observe.host("10.0.0.2", "N1", SECTIONS, {}, 0.5)
    assert (host.machine_id, host.node_name, host.ours, host.removing) == ("abc", "n1", True, True)
    assert (host.traces.pki, host.traces.etcd_data, host.traces.kubelet_conf) == (True, True, False)
    assert host.record == Present(RECORD)
    assert host.site == Present("s")
    assert host.files == {
        "/etc/bundler/containerd.toml": FileState("a" * 64),
        "/usr/local/bin/kubelet": FileState("b" * 64, 100),
    }
    assert host.units == {"kubelet.service": UnitState(enabled=True, active=False)}
    assert host.sysctls == {"net/ipv4/ip_forward": "1"}


def test_a_record_that_cannot_be_read_is_unknown() -> None:
    host = observe.host("h", "h", {**SECTIONS, "record": ["{cut"]}, {}, 0.0)
    assert isinstance(host.record, Unknown)
    assert observe.host("h", "h", {**SECTIONS, "record": []}, {}, 0.0).record == Absent()


def test_the_api_is_read() -> None:
    config = json.dumps("apiVersion: v1\nclusterName: berlin\n")
    seen = observe.api(
        {
            "nodes": [NODE, "answered"],
            "stored": [f"kubeadm-config\tClusterConfiguration\t{config}"],
            "uid": ["u"],
        }
    )
    assert isinstance(seen, Present)
    (node,) = seen.value.nodes
    assert (node.name, node.address, node.control_plane, node.ready) == ("n1", "10.0.0.2", True, True)
    assert node.cordon is Cordon.OURS
    assert node.taints == {"node-role.kubernetes.io/control-plane:NoSchedule"}
    assert (seen.value.name, seen.value.uid) == ("berlin", "u")


def test_an_api_that_was_cut_short_is_unknown_and_none_is_absent() -> None:
    assert isinstance(observe.api({"nodes": [NODE]}), Unknown)
    assert isinstance(observe.api({"nodes": []}), Unknown)
    assert observe.api({}) == Absent()


def test_etcd_is_read() -> None:
    listed = {
        "header": {"cluster_id": 5},
        "members": [
            {"ID": 10, "name": "n1", "peerURLs": ["https://10.0.0.2:2380"]},
            {"ID": 11, "name": "", "peerURLs": ["https://[fd00::3]:2380"], "isLearner": True},
        ],
    }
    status = [{"Status": {"header": {"member_id": 10}, "leader": 10, "raftIndex": 7, "dbSize": 4096}}]
    seen = observe.etcd({"members": [json.dumps(listed)], "status": [json.dumps(status)]})
    assert isinstance(seen, Present)
    first, second = seen.value.members
    assert (first.id, first.address, first.leader, first.healthy, first.db_size) == (
        "a",
        "10.0.0.2",
        True,
        True,
        4096,
    )
    assert (second.address, second.started, second.learner, second.healthy) == ("fd00::3", False, True, False)


def test_an_etcd_that_says_nothing_is_unknown() -> None:
    assert isinstance(observe.etcd({"members": [""], "status": [""]}), Unknown)
    assert observe.etcd({}) == Absent()


def test_parts_are_shown_with_the_flags_that_their_processes_have() -> None:
    lines = {
        "components": [
            "registry.k8s.io/kube-apiserver:v1.37.2",
            "registry.k8s.io/etcd:3.6.5-0",
            "Kubernetes v1.37.2",
        ],
        "flags": [
            "/usr/local/bin/kube-apiserver",
            "--profiling=false",
            "--audit-log-maxage=7",
            "kube-scheduler",
            "--v=2",
        ],
        "kubelet-config": [
            "kind: KubeletConfiguration",
            "maxPods: 110",
            "evictionHard:",
            "  memory.available: 5%",
        ],
    }
    found = observe.host("10.0.0.2", "n1", {**SECTIONS, **lines}, {}, 0.0).components
    assert found["kube-apiserver"].settings == {"profiling": "false", "audit-log-maxage": "7"}
    assert found["kubelet"].settings == {"maxPods": "110", "evictionHard.memory.available": "5%"}
    assert found["etcd"].settings == {}
    assert "kube-scheduler" not in found  # another one's process: no manifest of it is here


@pytest.mark.parametrize(("text", "stored"), [("a: 1", "wanted"), ("a: 2", "")])
def test_stored_configuration_is_known_by_its_settings_until_somebody_changes_it(
    text: str, stored: str
) -> None:
    ours = hashlib.sha256(b"ClusterConfiguration\na: 1").hexdigest()[:16]
    lines = [
        f"kubeadm-config\t@settings\t{json.dumps(f'wanted.{ours}')}",
        f"kubeadm-config\tClusterConfiguration\t{json.dumps(text)}",
    ]
    api = observe.api({"nodes": ["answered"], "stored": lines})
    assert isinstance(api, Present)
    found = api.value.stored["kubeadm-config"]
    assert found == stored or (not stored and found not in {"wanted", ours})


def test_pods_that_nothing_recreates_and_budgets_are_read() -> None:
    seen = observe.api(
        {"nodes": ["answered"], "bare": ["default/debug\tnode-1"], "budgets": ["a/b\t2\t2", "a/c\t3\t2"]}
    )
    assert isinstance(seen, Present)
    (pod,) = seen.value.pods
    assert (pod.name, pod.node, pod.owner) == ("default/debug", "node-1", Owner.NONE)
    assert [budget.allows_none for budget in seen.value.budgets] == [True, False]


def test_versions_that_can_be_put_back_are_read_with_their_snapshots() -> None:
    found = observe.host("h", "n", {"generations": [f"v1.36.3 {'a' * 64}", "v1.35.4"]}, {}, 0.0)
    assert found.generations == {"v1.36.3": "a" * 64, "v1.35.4": ""}


@pytest.mark.parametrize(("answers", "once"), [("exit 1", True), ("exit 0", False)])
def test_an_api_to_which_packets_vanish_is_asked_once(tmp_path: Path, answers: str, *, once: bool) -> None:
    """At other addresses five questions of ten seconds each took longer than all facts may."""
    kubectl, conf, noted = tmp_path / "kubectl", tmp_path / "admin.conf", tmp_path / "calls"
    kubectl.write_text(f'#!/bin/sh\necho "$*" >>{noted}\n{answers}\n')
    kubectl.chmod(0o755)
    conf.write_text("kind: Config\n")
    text = load("observe.sh").replace("/usr/local/bin/kubectl", str(kubectl))
    text = text.replace("/etc/kubernetes/admin.conf", str(conf)).replace("/var/lib/bundler", str(tmp_path))
    given = 'tell() { echo "== $1"; }\netcdctl() { :; }\netcd_here=x\nsystemctl() { :; }\nctr() { :; }\n'
    subprocess.run(["/bin/sh", "-c", given + text], capture_output=True, check=False)
    assert (noted.read_text().count("--kubeconfig") == 1) is once
