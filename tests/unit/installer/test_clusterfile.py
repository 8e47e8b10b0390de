"""Reading Clusterfiles: what becomes of each field, and what is said of each fault."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.installer.site.clusterfile.addresses import expand
from bundler.installer.site.clusterfile.read import read, read_file
from bundler.installer.site.model import (
    Endpoint,
    ExternalEndpoint,
    LocalEndpoint,
    Login,
    PasswordEnv,
    PasswordFile,
    Role,
    Secret,
    Site,
    VirtualEndpoint,
)

SEALER = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {name: my-cluster}
spec:
  image: reg/k8s:v1
  env: [PodCIDR=100.64.0.0/10, "Options=a=b"]
  ssh: {user: ops, passwd: hunter2, pk: ~/.ssh/id_rsa, pkPasswd: "", port: "22", encrypted: false}
  hosts:
  - {ips: [10.0.0.3-10.0.0.5], roles: [node], ssh: {port: 2222, user: admin}, env: {Disk: 5, Fast: true}}
  - {ips: [10.0.0.2], roles: [master], env: [EtcdDevice=/dev/vdb]}
  containerRuntime: {type: containerd}
  registry: {localRegistry: {domain: sea.hub, port: 5001, username: u, password: 12345, ha: false}}
---
apiVersion: sealer.io/v2
kind: Application
spec: {launchApps: [redis], cmds: [], configs: [{name: redis, env: [K=V]}]}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
networking: {podSubnet: 10.1.0.0/16}
"""

LATER = "not-supported-yet"
SMALL = (
    "apiVersion: bundler/v1\nkind: Cluster\nspec:\n  hosts:\n  - {ips: [10.0.0.2], roles: [control-plane]}\n"
)


def site(text: str) -> Site:
    return read(text, "site.yaml")


def faults(text: str) -> list[tuple[str, str]]:
    """`line:column` and rule of each problem."""
    with pytest.raises(Problems) as caught:
        site(text)
    return [
        (f"{problem.location.line}:{problem.location.column}", problem.rule)
        for problem in caught.value.problems
    ]


def test_sealers_own_example_is_read_as_it_stands() -> None:
    found = site(SEALER)
    assert found.name == "my-cluster"
    assert [host.address for host in found.hosts] == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]
    assert found.control_plane.roles == {Role.CONTROL_PLANE}
    assert found.control_plane.login == Login("ops", 22, "~/.ssh/id_rsa", None, Secret("hunter2"))
    assert (found.workers[0].login.user, found.workers[0].login.port) == ("admin", 2222)
    assert found.env == {"PodCIDR": "100.64.0.0/10", "Options": "a=b"}
    assert found.workers[2].env == {"Disk": "5", "Fast": "true"}
    assert (found.registry.name, found.registry.username) == ("sea.hub:5001", "u")
    assert found.registry.password == Secret("12345")
    assert found.launch == ("redis",)
    assert (found.app_env("redis"), found.app_env("other")) == ({"K": "V"}, {})
    assert found.kubeadm["ClusterConfiguration"]["networking"] == {"podSubnet": "10.1.0.0/16"}
    assert any("plain text" in notice for notice in found.notices)


def test_a_small_file_gets_the_defaults() -> None:
    found = site(SMALL)
    assert (found.name, found.launch, found.notices) == ("cluster", None, ())
    assert found.hosts[0].login == Login()
    assert found.registry.name == "registry.internal:5000"


@pytest.mark.parametrize(
    ("masters", "warned"),
    [(1, ""), (2, "etcd needs 2 of 2"), (3, ""), (4, "etcd needs 3 of 4"), (5, "")],
)
def test_an_even_number_of_control_planes_is_warned_of(masters: int, warned: str) -> None:
    found = site(SMALL.replace("10.0.0.2", f"10.0.0.2-10.0.0.{masters + 1}"))
    assert len(found.control_planes) == masters
    assert all(warned in notice for notice in found.notices)
    assert len(found.notices) == bool(warned)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", LocalEndpoint()),
        ("  endpoint: local\n", LocalEndpoint()),
        ("  endpoint: {vip: 10.0.0.9}\n", VirtualEndpoint("10.0.0.9")),
        ("  endpoint: {external: 10.9.0.1}\n", ExternalEndpoint("10.9.0.1")),
    ],
)
def test_endpoint(line: str, expected: Endpoint) -> None:
    assert site(SMALL + line).endpoint == expected


def test_native_fields() -> None:
    ssh = "{user: ops, passwordFile: secret/pw}"
    key = "SHA256:" + "a" * 43
    text = SMALL.replace("roles: [control-plane]", f"roles: [control-plane], ssh: {ssh}, hostKey: '{key}'")
    login = read(text, "/etc/site/site.yaml").hosts[0].login
    assert login == Login("ops", password=PasswordFile("/etc/site/secret/pw"), fingerprint=key)
    text = SMALL.replace("hosts:", "ssh: {passwordEnv: PW}\n  hosts:")
    assert site(text).hosts[0].login.password == PasswordEnv("PW")


def host(entry: str) -> str:
    return SMALL.replace("{ips: [10.0.0.2], roles: [control-plane]}", entry)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALL.replace("spec:", "spec:\n  hots: 1"), [("4:3", "unknown-field")]),
        (host("{ips: [10.0.0.2], role: [master]}"), [("5:5", "missing-field"), ("5:23", "unknown-field")]),
        (host("{ips: [10.0.0.300, 10.0.0.9-10.0.0.2], roles: [master]}"),
            [("5:12", "wrong-value"), ("5:24", "wrong-value")]),
        (host("{ips: ['::1'], roles: [master]}"), [("5:12", LATER)]),
        (host("{ips: [10.0.0.2], roles: [boss]}"), [("5:31", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [node]}"), [("4:3", "missing-role")]),
        (SMALL + "  endpoint: {vip: 10.0.0.2}\n", [("6:19", "wrong-value")]),
        (SMALL + "  endpoint: {vip: 10.0.0.8, external: 10.0.0.9}\n", [("6:3", "wrong-value")]),
        (SMALL + "  endpoint: {external: 10.0.0.8-10.0.0.9}\n", [("6:24", "wrong-value")]),
        (SMALL + "  endpoint: cloud\n", [("6:13", "wrong-value")]),
        (SMALL.replace("bundler/v1", "sealer.io/v2") + "  endpoint: local\n", [("6:3", "unknown-field")]),
        (host("{ips: [10.0.0.2, 10.0.0.2], roles: [master]}"), [("5:22", "duplicate-host")]),
        (host("{ips: [10.0.0.2], roles: [master], ssh: {port: 0}}"), [("5:52", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], env: [a]}"), [("5:40", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], env: [a=1, a=2]}"), [("5:40", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], hostKey: md5:1}"), [("5:49", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], taints: [a], labels: {b: c}}"),
            [("5:40", LATER), ("5:53", LATER)]),
        (host("{ips: [10.0.0.2], roles: [master], taints: [], labels: {}}\n  - 5"), [("6:5", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  ssh: {passwd: a, passwordEnv: B}"), [("4:3", "wrong-value")]),
        (SMALL.replace("bundler/v1", "sealer.io/v2").replace("spec:", "spec:\n  ssh: {passwordEnv: B}"),
            [("4:9", "unknown-field")]),
        (SMALL.replace("bundler/v1", "sealer.io/v9"), [("1:13", "wrong-version")]),
        (SMALL.replace("kind: Cluster", "kind: Clutser"),
            [("0:0", "missing-document"), ("2:7", "unknown-kind")]),
        (SMALL + "---\n" + SMALL, [("8:7", "duplicate-document")]),
        (SMALL + "---\napiVersion: sealer.io/v1\nkind: Config\nspec: {path: a}", [("8:7", LATER)]),
        (SMALL + "---\napiVersion: v1\nkind: InitConfiguration", [("7:13", "wrong-version")]),
        (SMALL + "---\n- a", [("7:1", "wrong-document")]),
        (SMALL.replace("spec:", "spec:\n  dataRoot: /x\n  cmd: [a]"),
            [("4:3", LATER), ("5:3", LATER)]),
        (SMALL.replace("spec:", "spec:\n  containerRuntime: {type: docker}"), [("4:28", LATER)]),
        (SMALL.replace("spec:", "spec:\n  registry: {externalRegistry: {domain: a}}"), [("4:14", LATER)]),
        (SMALL.replace("spec:", "spec:\n  registry: {localRegistry: {username: a}}"),
            [("4:14", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  registry: {localRegistry: {insecure: true, ha: true}}"),
            [("4:30", LATER), ("4:46", LATER)]),
        (SMALL.replace("spec:", "metadata: {name: A_b}\nspec:"), [("3:18", "wrong-value")]),
        ("", [("0:0", "missing-document")]),
    ],
)  # fmt: skip
def test_faults_with_their_places(text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(text) == expected


def test_only_unsupported_fields_have_a_code_of_their_own() -> None:
    with pytest.raises(Problems) as caught:
        site(SMALL.replace("spec:", "spec:\n  dataRoot: /x"))
    assert caught.value.code is ExitCode.UNSUPPORTED
    with pytest.raises(Problems) as caught:
        site(SMALL.replace("spec:", "spec:\n  dataRoot: /x\n  x: 1"))
    assert caught.value.code is ExitCode.INPUT


def test_a_misspelt_field_is_guessed() -> None:
    with pytest.raises(Problems, match='did you mean "hosts"'):
        site(SMALL.replace("spec:", "spec:\n  host: 1"))


@pytest.mark.parametrize(
    "line",
    [
        "ssh: {passwd: hunter2, port: x}",
        "ssh: {passwd: hunter2, passwd: b}",
        "ssh: {pkPasswd: hunter2, x: 1}",
    ],
)
def test_no_message_shows_a_password(line: str) -> None:
    with pytest.raises(Problems) as caught:
        site(SMALL.replace("spec:", f"spec:\n  {line}"))
    assert "hunter2" not in str(caught.value)


def test_no_repr_shows_a_password() -> None:
    assert "hunter2" not in repr(site(SEALER))
    assert "12345" not in repr(site(SEALER))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BundlerError) as caught:
        read_file(tmp_path / "none.yaml")
    assert caught.value.code is ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1",)),
        ("10.0.0.254-10.0.1.1", ("10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1")),
        ("10.0.0.1 - 10.0.0.2", ("10.0.0.1", "10.0.0.2")),
    ],
)
def test_expand(text: str, expected: tuple[str, ...]) -> None:
    assert expand(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "10.0.0.1-", "-10.0.0.1", "10.0.0.2-10.0.0.1", "10.0.0.0-10.9.0.0", "224.0.0.1"]
)
def test_expand_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        expand(text)


@given(st.text(alphabet="apiVersion:kndspchost[]{}-,.0123456789 \n'\"", max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_a_site_or_problems(text: str) -> None:
    for head in ("", SMALL, SMALL.replace("  hosts:", "  ")):
        with contextlib.suppress(Problems):
            assert site(head + text).hosts
