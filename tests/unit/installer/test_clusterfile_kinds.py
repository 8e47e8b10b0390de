"""The kinds Config, Plugin, Application and KubeadmConfig, and labels, taints and aliases of hosts."""

import pytest

from bundler.core.errors import Problems
from bundler.installer.site.changes import Strategy
from bundler.installer.site.clusterfile.read import read
from bundler.installer.site.model import Alias, Site
from bundler.installer.site.plugins import Moment, PluginType, Scope
from tests.unit.installer.test_clusterfile import SMALL, host

CONFIG = """\
---
apiVersion: sealer.io/v1
kind: Config
metadata: {name: redis}
spec:
  path: etc/redis.yaml
  process: value|toBase64
  data: |
    user: root
"""
PLUGIN = """\
---
apiVersion: sealer.io/v1
kind: Plugin
metadata: {name: mine}
spec:
  type: SHELL
  action: post-install
  data: echo hunter2
"""


def site(text: str) -> Site:
    return read(text, "site.yaml")


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Problems) as caught:
        site(text)
    assert "hunter2" not in str(caught.value)
    return [(f"{each.location.line}:{each.location.column}", each.rule) for each in caught.value.problems]


def test_a_config() -> None:
    (change,) = site(SMALL + CONFIG).changes
    assert (change.path, change.strategy, change.app) == ("etc/redis.yaml", Strategy.OVERWRITE, "")
    assert (change.data, str(change.place)) == ("user: cm9vdA==\n", "site.yaml:11:9")


@pytest.mark.parametrize("version", ["sealer.io/v2", "sealer.cloud/v2", "sealer.aliyun.com/v1alpha1"])
def test_both_kinds_are_taken_in_every_version_of_sealers(version: str) -> None:
    made = site(SMALL + (CONFIG + PLUGIN).replace("sealer.io/v1", version))
    assert (len(made.changes), len(made.plugins)) == (1, 1)


def test_a_plug_in() -> None:
    (plugin,) = site(SMALL + PLUGIN).plugins
    assert (plugin.name, plugin.type, plugin.moments) == ("mine", PluginType.SHELL, (Moment.POST_INSTALL,))
    assert (plugin.scope, plugin.data) == (Scope(), "echo hunter2")
    assert "hunter2" not in repr(plugin)


def test_an_old_plug_in_without_a_choice_is_for_all_hosts() -> None:
    (plugin,) = site(SMALL + PLUGIN.replace("post-install", "PostInstall")).plugins
    assert plugin.scope.everywhere


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("post-install", "post-instal", ("12:11", "wrong-value")),
        ("type: SHELL", "type: SHEL", ("11:9", "wrong-value")),
        ("{name: mine}", "{name: a.so}", ("11:9", "wrong-value")),
        ("{name: mine}", "{}", ("9:1", "missing-field")),
        ("  data: echo hunter2\n", "", ("10:1", "missing-field")),
        ("action: post-install", "action: post-install\n  scope: nodes", ("13:10", "wrong-value")),
        ("action: post-install", "action: post-install\n  scop: node", ("13:3", "unknown-field")),
        ("action: post-install", "action: post-install\n  on: a=b\n  scope: node", ("13:7", "wrong-value")),
    ],
)
def test_faults_of_a_plug_in(old: str, new: str, expected: tuple[str, str]) -> None:
    text = PLUGIN.replace(old, new)
    if "a.so" in new:
        text, expected = text.replace("SHELL", "MINE"), ("9:18", "wrong-value")
    assert faults(SMALL + text) == [expected]


def test_a_second_plug_in_of_a_name() -> None:
    assert faults(SMALL + PLUGIN + PLUGIN) == [("17:18", "duplicate-document")]


def test_labels_and_taints_of_hosts_and_of_plug_ins_are_one() -> None:
    own = "labels: {a: true, b: 5}, taints: ['k=v:NoSchedule', 'o:NoExecute-']"
    entry = f"{{ips: [10.0.0.2], roles: [master], {own}}}"
    label = PLUGIN.replace("SHELL", "LABEL").replace("echo hunter2", "10.0.0.2 c=d,a=late")
    taint = (
        PLUGIN.replace("SHELL", "TAINT")
        .replace("mine", "other")
        .replace("echo hunter2", "10.0.0.2 t:NoExecute")
    )
    found = site(host(entry) + label + taint)
    assert found.plugins == ()
    assert found.hosts[0].marks == {"a": "true", "b": "5", "c": "d"}
    assert found.hosts[0].taints == {"k=v:NoSchedule", "t:NoExecute"}
    assert found.hosts[0].no_taints == {"o:NoExecute"}


@pytest.mark.parametrize("kind", ["LABEL", "TAINT", "HOSTNAME"])
def test_data_that_speak_of_strangers(kind: str) -> None:
    data = {"LABEL": "10.9.9.9 a=b", "TAINT": "10.9.9.9 a:NoExecute", "HOSTNAME": "10.9.9.9 x"}[kind]
    text = (
        PLUGIN.replace("SHELL", kind).replace("echo hunter2", data).replace("post-install", "pre-init-host")
    )
    assert faults(SMALL + text) == [("13:9", "unknown-host")]


def test_aliases() -> None:
    spec = "spec:\n  hostAliases: [{ip: 10.9.0.1, hostnames: [db.shop, db]}]"
    assert site(SMALL.replace("spec:", spec)).aliases == (Alias("10.9.0.1", ("db.shop", "db")),)
    ours = spec.replace("db.shop", "registry.internal")
    assert faults(SMALL.replace("spec:", ours)) == [("4:44", "wrong-value")]
    assert faults(SMALL.replace("spec:", spec.replace("10.9.0.1", "db"))) == [("4:22", "wrong-value")]


APPS = """\
---
apiVersion: bundler/v1
kind: Application
spec:
  cmds: [echo own]
  configs:
  - name: redis
    launch: {cmds: [bash go.sh]}
    values: {replicas: 3}
    files: [{path: a.yaml, strategy: merge, data: "b: 1"}]
"""


def test_an_application() -> None:
    found = site(SMALL.replace("spec:", "spec:\n  cmd_args: [SIZE=big]") + APPS)
    assert (found.commands, found.arguments) == (("echo own",), {"SIZE": "big"})
    assert found.app_commands == {"redis": ("bash go.sh",)}
    assert [(each.app, each.path, each.strategy, each.data) for each in found.changes] == [
        ("redis", "a.yaml", Strategy.MERGE, "b: 1"),
        ("redis", "values.yaml", Strategy.MERGE, "replicas: 3\n"),
    ]  # fmt: skip
    assert faults(SMALL.replace("spec:", "spec:\n  cmd: [x]") + APPS) == [("11:3", "wrong-value")]
    assert faults(SMALL + APPS.replace("a.yaml", "../a")) == [("15:20", "wrong-value")]


MIXED = """\
---
apiVersion: sealer.io/v2
kind: KubeadmConfig
metadata: {name: mixed}
spec:
  networking: {podSubnet: 10.1.0.0/16}
  nodeRegistration: {criSocket: /run/x.sock}
  apiServer: {extraArgs: {audit-log-maxage: "9"}}
  maxPods: 50
"""


def test_kubeadms_fields_side_by_side_go_where_they_belong() -> None:
    found = site(SMALL + MIXED).kubeadm
    assert set(found) == {
        "InitConfiguration",
        "JoinConfiguration",
        "ClusterConfiguration",
        "KubeletConfiguration",
    }
    assert found["KubeletConfiguration"]["maxPods"] == 50
    assert found["ClusterConfiguration"]["apiServer"] == {"extraArgs": {"audit-log-maxage": "9"}}
    assert found["ClusterConfiguration"]["apiVersion"] == "kubeadm.k8s.io/v1beta3"
    assert found["InitConfiguration"]["nodeRegistration"] == found["JoinConfiguration"]["nodeRegistration"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("maxPods", "maxPod", [("14:3", "unknown-field")]),
        ("networking", "networkin", [("11:3", "unknown-field")]),
        ("podSubnet", "podsubnet", [("11:16", "unknown-field")]),
        ("maxPods: 50", "featureGates: {}", [("14:3", "wrong-value")]),
        ("sealer.io/v2", "sealer.io/v9", [("7:13", "wrong-version")]),
    ],
)
def test_faults_of_mixed_fields(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert faults(SMALL + MIXED.replace(old, new)) == expected


def test_a_kind_stands_once_mixed_or_not() -> None:
    own = "---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
    assert faults(SMALL + own + MIXED) == [("11:7", "duplicate-document")]
