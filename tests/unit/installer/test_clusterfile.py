"""Reading Clusterfiles: what becomes of each field, and what is said of each fault."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.installer.site.clusterfile.addresses import MOST, Address, Span, expand
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


@pytest.mark.parametrize(
    "name",
    [
        "$(touch /x)",
        "A B",
        "1A",
        "a-b",
        "PATH",
        "IFS",
        "ENV",
        "BASH_ENV",
        "LD_PRELOAD",
        "PYTHONPATH",
        "é",
        "OPENSSL_CONF",
        "LESSOPEN",
        "GIT_SSH_COMMAND",
        "SSLKEYLOGFILE",
    ],
)
def test_a_variables_name_is_never_code(name: str) -> None:
    quoted = f"'{name}'"
    assert faults(host(f"{{ips: [10.0.0.2], roles: [master], env: {{{quoted}: v}}}}"))[0][1] == "wrong-value"
    assert faults(host(f"{{ips: [10.0.0.2], roles: [master], env: ['{name}=v']}}"))[0][1] == "wrong-value"
    app = "---\napiVersion: bundler/v1\nkind: Application\nspec: {configs: [{name: a, env: {NAME: v}}]}\n"
    assert faults(SMALL + app.replace("NAME", quoted)) == [("9:28", "wrong-value")]


@pytest.mark.parametrize("registry", ['{username: "a:b", password: c}', '{username: "a\\nroot", password: c}',
    '{username: a, password: "c\\nd"}'])  # fmt: skip
def test_a_login_of_the_registry_is_one_line_of_htpasswd(registry: str) -> None:
    found = faults(SMALL.replace("spec:", f"spec:\n  registry: {{localRegistry: {registry}}}"))
    assert [rule for _, rule in found] == ["wrong-value"]


def test_a_login_name_is_one_word() -> None:
    assert faults(SMALL.replace("spec:", 'spec:\n  ssh: {user: "a\\nb"}')) == [("4:15", "wrong-value")]


SAVED = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata:
  creationTimestamp: null
  name: site-one
spec:
  cmd_args: []
  env: [IP=10.0.0.1, "IP=10.0.0.2;10.0.0.3", ONE=1]
  hosts:
  - ips: [192.168.0.2]
    roles: [master]
  - ips: [192.168.0.3]
    roles: [node, db]
    env: {NAMES: [a, b]}
status: {}
---
apiVersion: sealer.io/v2
kind: Application
metadata: {name: apps}
spec: {}
status: {}
"""


def test_what_sealer_saves_is_read_as_it_stands() -> None:
    """Its `status: {}`, variables with several values, and roles of the site's own (kept as labels)."""
    found = site(SAVED)
    assert found.env == {"IP": "10.0.0.1;10.0.0.2;10.0.0.3", "ONE": "1"}
    assert found.control_plane.labels == ()
    assert (found.workers[0].roles, found.workers[0].labels) == (frozenset({Role.WORKER}), ("db",))
    assert found.workers[0].env == {"NAMES": "a;b"}


@pytest.mark.parametrize(
    ("roles", "labels"),
    [("[db]", ("db",)), ("[gpu, storage]", ("gpu", "storage")), ("[ingress, ingress]", ("ingress",))],
)
def test_a_host_of_own_roles_alone_is_a_worker(roles: str, labels: tuple[str, ...]) -> None:
    """To Sealer every host that is no master is a worker; that it is one is said."""
    found = site(SAVED.replace("[node, db]", roles))
    assert (found.workers[0].roles, found.workers[0].labels) == (frozenset({Role.WORKER}), labels)
    (notice,) = (each for each in found.notices if "neither" in each)
    assert all(f"node-role.kubernetes.io/{label}" in notice for label in labels)


@pytest.mark.parametrize(
    ("roles", "meant"),
    [
        ("[workr]", "worker"),
        ("[Worker]", "worker"),
        ("[nodes]", "node"),
        ("[Master]", "master"),
        ("[masters]", "master"),
        ("[control_plane]", "control-plane"),
        ("[controlplane, db]", "control-plane"),
    ],
)
def test_a_misspelt_role_is_guessed(roles: str, meant: str) -> None:
    with pytest.raises(Problems, match=f'did you mean "{meant}"'):
        site(SAVED.replace("[node, db]", roles))


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
        (host("{ips: ['ff02::1'], roles: [master]}"), [("5:12", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [boss]}"), [("4:3", "missing-role")]),
        (host("{ips: [10.0.0.2], roles: [node]}"), [("4:3", "missing-role")]),
        (SMALL + "  endpoint: {vip: 10.0.0.2}\n", [("6:19", "wrong-value")]),
        (SMALL + "  endpoint: {vip: 10.0.0.8, external: 10.0.0.9}\n", [("6:3", "wrong-value")]),
        (SMALL + "  endpoint: {external: 10.0.0.8-10.0.0.9}\n", [("6:24", "wrong-value")]),
        (SMALL + "  endpoint: cloud\n", [("6:13", "wrong-value")]),
        (SMALL.replace("bundler/v1", "sealer.io/v2") + "  endpoint: local\n", [("6:3", "unknown-field")]),
        (host("{ips: [10.0.0.2, 10.0.0.2], roles: [master]}"), [("5:22", "duplicate-host")]),
        (host("{ips: [10.0.0.2-10.0.19.9, 10.0.0.2-10.0.9.9], roles: [master]}"),
            [("5:32", "duplicate-host")]),
        (host("{ips: [10.0.0.2], roles: [master], ssh: {port: 0}}"), [("5:52", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], env: [a]}"), [("5:40", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master, workr]}"), [("5:39", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master, 'a b']}"), [("5:39", "wrong-value")]),
        (SMALL + "---\napiVersion: sealer.io/v2\nkind: KubeadmConfig\nspec: {x: 1}",
            [("9:8", "unknown-field")]),
        (SMALL.replace("spec:", "spec:\n  cmd_args: [a]"), [("4:3", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], hostKey: md5:1}"), [("5:49", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], taints: [a], labels: {b: c}}"),
            [("5:49", "wrong-value")]),
        (host("{ips: [10.0.0.2], roles: [master], taints: [], labels: {}}\n  - 5"), [("6:5", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  ssh: {passwd: a, passwordEnv: B}"), [("4:3", "wrong-value")]),
        (SMALL.replace("bundler/v1", "sealer.io/v2").replace("spec:", "spec:\n  ssh: {passwordEnv: B}"),
            [("4:9", "unknown-field")]),
        (SMALL.replace("bundler/v1", "sealer.io/v9"), [("1:13", "wrong-version")]),
        (SMALL.replace("kind: Cluster", "kind: Clutser"),
            [("0:0", "missing-document"), ("2:7", "unknown-kind")]),
        (SMALL + "---\n" + SMALL, [("8:7", "duplicate-document")]),
        (SMALL + "---\napiVersion: sealer.io/v1\nkind: Config\nspec: {path: /a}", [("9:14", "wrong-value")]),
        (SMALL + "---\napiVersion: v1\nkind: InitConfiguration", [("7:13", "wrong-version")]),
        (SMALL + "---\n- a", [("7:1", "wrong-document")]),
        (SMALL.replace("spec:", "spec:\n  dataRoot: /etc"), [("4:13", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  dataRoot: data/x"), [("4:13", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  ssh: {passwd: a, encrypted: true}"), [("4:31", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  containerRuntime: {type: docker}"), [("4:28", LATER)]),
        (SMALL.replace("spec:", "spec:\n  registry: {externalRegistry: {port: 5}}"),
            [("4:14", "missing-field")]),
        (SMALL.replace("spec:", "spec:\n  registry: {localRegistry: {username: a}}"),
            [("4:14", "wrong-value")]),
        (SMALL.replace("spec:", "spec:\n  registry: {localRegistry: {cert: {subjectAltName: {ips: [a]}}}}"),
            [("4:60", "wrong-value")]),
        (SMALL.replace("spec:", "metadata: {name: A_b}\nspec:"), [("3:18", "wrong-value")]),
        ("", [("0:0", "missing-document")]),
    ],
)  # fmt: skip
def test_faults_with_their_places(text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(text) == expected


def test_only_unsupported_fields_have_a_code_of_their_own() -> None:
    with pytest.raises(Problems) as caught:
        site(SMALL.replace("spec:", "spec:\n  containerRuntime: {type: docker}"))
    assert caught.value.code is ExitCode.UNSUPPORTED
    with pytest.raises(Problems) as caught:
        site(SMALL.replace("spec:", "spec:\n  containerRuntime: {type: docker}\n  x: 1"))
    assert caught.value.code is ExitCode.INPUT


def test_fields_of_the_registry_and_the_folder_of_its_images() -> None:
    names = "{subjectAltName: {dnsNames: [a.b], ips: [10.9.9.9]}}"
    registry = f"localRegistry: {{ha: false, insecure: true, cert: {names}}}"
    found = site(SMALL.replace("spec:", f"spec:\n  dataRoot: /data/b/\n  registry: {{{registry}}}"))
    assert found.registry.names == ("a.b", "10.9.9.9")
    assert found.data_root == "/data/b"
    assert any("insecure" in notice for notice in found.notices)


def test_a_misspelt_field_is_guessed() -> None:
    with pytest.raises(Problems, match='did you mean "hosts"'):
        site(SMALL.replace("spec:", "spec:\n  host: 1"))


@pytest.mark.parametrize(
    "line",
    [
        "ssh: {passwd: hunter2, port: x}",
        "ssh: {passwd: hunter2, passwd: b}",
        "ssh: {pkPasswd: hunter2, x: 1}",
        "env: [NAME hunter2]",
        "env:\n  - NAME hunter2",
        "env:\n  - NAME=hunter2\n  - {a: b",
        "env:\n  - 'NAME hunter2\n  - x",
        "env: {NAME: [hunter2, {a: b}]}",
        "env:\n    DB_PASSWORD: hunter2\n   X: 1",
        "registry: {localRegistry: {username: 'a:b', password: hunter2}}",
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


def test_a_small_file_takes_little_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 ranges of 10,000 hosts each, all of them alike: 15 kB that once took 109 s and 1.7 GiB."""
    entries = ", ".join(["10.0.0.1-10.0.39.15"] * 500)
    walked: list[int] = []
    plain = Span.__iter__

    def counting(of: Span) -> Iterator[Address]:
        walked.append(of.count)
        return plain(of)

    monkeypatch.setattr(Span, "__iter__", counting)
    with pytest.raises(Problems) as caught:
        site(host(f"{{ips: [{entries}], roles: [node]}}"))
    assert 0 < sum(walked) <= 6 * MOST  # addresses that it goes through; 500 ranges are 15,000,000
    assert [(each.rule, each.message) for each in caught.value.problems] == [
        ("duplicate-host", "10.0.0.1 and 9,998 more are listed twice"),
        ("too-many-hosts", "more than 10,000 hosts, with this entry"),
    ]


def test_files_that_the_file_names_are_looked_for_before_any_host(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("x\n")
    file = tmp_path / "site.yaml"
    ssh = "ssh: {pk: keys/none, passwordFile: pw}"
    file.write_text(SMALL.replace("spec:", f"spec:\n  {ssh}"))
    with pytest.raises(Problems) as caught:
        read_file(file)
    (problem,) = caught.value.problems
    assert (caught.value.code, problem.rule, str(problem.location)) == (
        ExitCode.NOT_FOUND,
        "missing-file",
        f"{file}:4:13",
    )
    assert problem.message == f"{tmp_path}/keys/none: no such file or directory"


def test_a_password_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("x\n")
    (tmp_path / "pw").chmod(0o644)
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace("spec:", "spec:\n  ssh: {passwordFile: pw}"))
    assert read_file(file).notices == (
        f"{file}:4:23: other users of this machine can read {tmp_path}/pw; better: chmod 600 {tmp_path}/pw",
    )
    (tmp_path / "pw").chmod(0o600)
    assert read_file(file).notices == ()


def kubeadm(kind: str, api: str, body: str) -> str:
    return f"{SMALL}---\napiVersion: {api}\nkind: {kind}\n{body}\n"


KUBELET = ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1")
BETA = "kubeadm.k8s.io/v1beta"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (kubeadm(*KUBELET, "maxPod: 200"), "9:1", 'did you mean "maxPods"?'),
        (kubeadm(*KUBELET, "authentication:\n  anonymous: {enabld: false}"), "10:15", '"enabled"'),
        (kubeadm(*KUBELET, "authentication: true"), "9:17", "must be a mapping"),
        (kubeadm("ClusterConfiguration", f"{BETA}3", "networking: {podSubnets: a}"), "9:14", '"podSubnet"'),
        (
            kubeadm("ClusterConfiguration", f"{BETA}3", "apiServer:\n  extraVolumes:\n  - {nam: a}"),
            "11:6",
            '"name"',
        ),
        (kubeadm("ClusterConfiguration", f"{BETA}3", "proxy: {disabled: true}"), "9:1", "v1beta4 and newer"),
        (kubeadm("ClusterConfiguration", f"{BETA}4", "useHyperKubeImage: true"), "9:1", "v1beta2 and older"),
        (
            kubeadm("InitConfiguration", f"{BETA}2", "skipPhases: [addon/kube-proxy]"),
            "9:1",
            "v1beta3 and newer",
        ),
        (kubeadm("InitConfiguration", f"{BETA}3", "bootstrapTokens: {ttl: 1h}"), "9:1", "must be a list"),
        (kubeadm("JoinConfiguration", f"{BETA}4", "discovery: {timeout: 5m}"), "9:13", "v1beta3 and older"),
        (kubeadm("KubeProxyConfiguration", "kubeproxy.config.k8s.io/v1alpha1", "mod: ipvs"), "9:1", '"mode"'),
    ],
)  # fmt: skip
def test_misspelt_fields_of_kubeadms_documents(text: str, place: str, said: str) -> None:
    with pytest.raises(Problems) as caught:
        site(text)
    (problem,) = caught.value.problems
    assert f"{problem.location.line}:{problem.location.column}" == place
    assert said in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize(
    "text",
    [
        kubeadm(*KUBELET, "evictionHard: {memory.available: 5%}\nfeatureGates: {Any: true}\nmaxPods: 180"),
        kubeadm("ClusterConfiguration", f"{BETA}4", "apiServer: {extraArgs: [{name: x, value: y}]}"),
        kubeadm("ClusterConfiguration", f"{BETA}2", "dns: {type: CoreDNS}\netcd: {local: {dataDir: /x}}"),
        kubeadm("InitConfiguration", f"{BETA}9", "whatever: {is: new}"),  # newer than what is known here
        kubeadm("ClusterConfiguration", f"{BETA}3", "apiServer:"),
    ],
)
def test_fields_that_there_are(text: str) -> None:
    assert site(text).kubeadm
