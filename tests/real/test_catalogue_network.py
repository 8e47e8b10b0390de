"""The node agent of the pod network, out of its own image, against a real API server in a namespace."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bundler.builder.kubefile.catalogue import default_catalogue
from tests.real import catalogue_kit
from tests.real.catalogue_kit import built, unpack

_TOOLS = ("ip", "iptables-save", "unshare", "openssl")


def _missing() -> str:
    if os.geteuid() != 0:
        return "network namespaces need root"
    lacks = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacks)}" if lacks else catalogue_kit.missing()


pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_missing()), reason=_missing() or "all there")]

CATALOGUE = default_catalogue()
TOKEN = "a-token-of-this-test"
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: it
clusters:
- name: it
  cluster:
    server: https://10.9.0.1:6443
    certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
users:
- name: it
  user: {tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}
contexts:
- name: it
  context: {cluster: it, user: it}
"""
# Sends its input to the API server; runs inside the namespace, where the test itself isn't.
CALL = """
import ssl, sys, urllib.request
method, path = sys.argv[1:]
kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
body = sys.stdin.buffer.read() or None
request = urllib.request.Request("https://10.9.0.1:6443" + path, method=method, data=body)
request.add_header("Authorization", "Bearer TOKEN")
request.add_header("Content-Type", kind)
with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=5) as answer:
    sys.stdout.write(answer.read().decode())
""".replace("TOKEN", TOKEN)


def until(true: Callable[[], object], seconds: float) -> bool:
    """Whether it becomes true in that time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass
class Node:
    """A network namespace that plays the node n1, 10.9.0.1, with an API server inside."""

    name: str
    folder: Path
    programs: Path
    etcd: Path
    agent_root: Path
    plugins: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def inside(self, *argv: object, given: bytes = b"") -> str:
        """What a command inside prints."""
        command = ["ip", "netns", "exec", self.name, *map(str, argv)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=30, input=given)
        if done.returncode:
            raise OSError(done.stderr.decode())
        return done.stdout.decode()

    def start(self, log: str, *argv: object, **env: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *map(str, argv)],
                stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **env}, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        return process

    def call(self, method: str, path: str, body: object = None) -> str:
        given = json.dumps(body).encode() if body is not None else b""
        return self.inside("python3", "-c", CALL, method, path, given=given)

    def answers(self) -> bool:
        try:
            return self.call("GET", "/readyz") == "ok"
        except OSError:
            return False

    def start_api(self) -> subprocess.Popen[bytes]:
        key = self.folder / "sa.key"
        process = self.start(
            "api.log", self.programs / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
            f"--cert-dir={self.folder}/certs", f"--token-auth-file={self.folder}/tokens",
            "--authorization-mode=AlwaysAllow", "--service-account-issuer=test",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/16", "--advertise-address=10.9.0.1",
            "--secure-port=6443",
        )  # fmt: skip
        assert until(self.answers, 60), (self.folder / "api.log").read_text()[-2000:]
        return process

    def start_agent(self) -> subprocess.Popen[bytes]:
        root, mounts = self.agent_root, []
        for place, target in (("cni", "host/cni"), ("proxy", "var/lib/kube-proxy"), ("certs", "api-certs")):
            (self.folder / place).mkdir(exist_ok=True)
            (root / target).mkdir(parents=True, exist_ok=True)
            mounts.append(f"mount --bind {self.folder / place} {root / target}")
        for place in ("proc", "sys", "dev"):
            (root / place).mkdir(exist_ok=True)
            mounts.append(f"mount --rbind /{place} {root / place}")
        script = " && ".join([*mounts, f"exec chroot {root} /usr/bin/cni-bridge"])
        return self.start("agent.log", "unshare", "--mount", "sh", "-c", script, NODE_NAME="n1")

    def add_node(self, name: str, pods: str, address: str) -> None:
        metadata = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"podCIDR": pods}}
        self.call("POST", "/api/v1/nodes", metadata)
        self.move_node(name, address)

    def move_node(self, name: str, address: str) -> None:
        addresses = [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]
        self.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"addresses": addresses}})

    def delete_node(self, name: str) -> None:
        self.call("DELETE", f"/api/v1/nodes/{name}")

    def routes(self) -> dict[str, str]:
        """Range → gateway, of the agent's own routes."""
        listed = json.loads(self.inside("ip", "-json", "-4", "route", "show", "proto", "77") or "[]")
        return {one["dst"]: one["gateway"] for one in listed}

    def ready(self) -> bool:
        return (self.agent_root / "run/cni-bridge/ready").exists()

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def end(self) -> None:
        for process in reversed(self.running):
            process.kill()
            process.wait(20)
            with contextlib.suppress(ProcessLookupError):  # what the agent's shell has in the background
                os.killpg(process.pid, signal.SIGKILL)


def extract(archive: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("kubernetes") / "stage"
    with built("kubernetes-source", folder):
        yield folder


@pytest.fixture(scope="module", params=["compiled", "kubectl"])
def parts(
    stage: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path, Path]:
    """(programs, etcd, agent, plug-ins): unpacked images, and an archive of the nodes'."""
    folder = tmp_path_factory.mktemp("parts")
    images = agents = stage / "images"
    if request.param == "kubectl":
        agents = folder / "agents"
        tools = [*CATALOGUE.glob("tools/*.py"), *CATALOGUE.glob("network-bridge/*.[ps][yh]")]
        for path in tools:
            shutil.copy(path, folder)
        subprocess.run([folder / "network.py", agents, "kubectl"], cwd=stage, check=True, timeout=300)
    return (
        unpack(images, "registry.k8s.io/kube-apiserver:v1.37.2", folder / "api") / "usr/local/bin",
        unpack(images, "registry.k8s.io/etcd:3.7.3-0", folder / "etcd") / "usr/local/bin/etcd",
        unpack(agents, "bundler.local/cni-bridge:2", folder / "agent"),
        extract(stage / "cri/cni-plugins.tgz", folder / "plugins"),
    )


@pytest.fixture
def node(parts: tuple[Path, Path, Path, Path], tmp_path: Path) -> Iterator[Node]:
    node = Node(f"cni-{os.getpid()}", tmp_path, *parts)
    shutil.rmtree(node.agent_root / "run", ignore_errors=True)
    subprocess.run(["ip", "netns", "add", node.name], check=True)
    try:
        node.inside("ip", "link", "set", "lo", "up")
        node.inside("ip", "link", "add", "uplink", "mtu", "1400", "type", "bridge")
        node.inside("ip", "address", "add", "10.9.0.1/24", "dev", "uplink")
        node.inside("ip", "link", "set", "uplink", "up")
        subprocess.run(
            ["openssl", "genrsa", "-out", tmp_path / "sa.key", "2048"], check=True, capture_output=True
        )
        (tmp_path / "tokens").write_text(f"{TOKEN},test,test,system:masters\n")
        (tmp_path / "proxy").mkdir()
        (tmp_path / "proxy/config.conf").write_text(
            "kind: KubeProxyConfiguration\nclusterCIDR: 10.244.0.0/16\n"
        )
        (tmp_path / "proxy/kubeconfig.conf").write_text(KUBECONFIG)
        account = node.agent_root / "var/run/secrets/kubernetes.io/serviceaccount"
        account.mkdir(parents=True, exist_ok=True)
        (account / "token").write_text(TOKEN)
        (account / "ca.crt").unlink(missing_ok=True)
        (account / "ca.crt").symlink_to("/api-certs/apiserver.crt")  # it signs itself when it starts
        local = "http://127.0.0.1"
        node.start(
            "etcd.log", node.etcd, "--data-dir", tmp_path / "etcd-data",
            "--listen-client-urls", f"{local}:2379",
            "--advertise-client-urls", f"{local}:2379", "--listen-peer-urls", f"{local}:2380",
        )  # fmt: skip
        yield node
    finally:
        node.end()
        subprocess.run(["ip", "netns", "delete", node.name], check=True)


def test_the_agent_follows_the_cluster(node: Node) -> None:
    """One story in one go: an API server takes its time to start."""
    agent = node.start_agent()
    time.sleep(1)
    assert not node.ready()  # nobody answers yet

    api = node.start_api()
    node.add_node("n1", "10.244.0.0/24", "10.9.0.1")
    node.add_node("n2", "10.244.1.0/24", "10.9.0.2")
    assert until(node.ready, 10), node.log()
    assert until(lambda: node.routes() == {"10.244.1.0/24": "10.9.0.2"}, 5), node.log()
    check_configuration(node)
    check_plugins(node)

    node.add_node("n3", "10.244.2.0/24", "10.9.0.3")
    assert until(lambda: node.routes().get("10.244.2.0/24") == "10.9.0.3", 5), node.log()
    node.move_node("n3", "10.9.0.33")
    assert until(lambda: node.routes().get("10.244.2.0/24") == "10.9.0.33", 5), node.log()
    node.delete_node("n2")
    assert until(lambda: node.routes() == {"10.244.2.0/24": "10.9.0.33"}, 5), node.log()
    check_rules(node)

    node.inside("ip", "route", "flush", "proto", "77")
    assert until(lambda: node.routes() == {"10.244.2.0/24": "10.9.0.33"}, 15), node.log()

    api.kill()  # asked to, it would first wait a minute for those that watch
    api.wait(20)
    time.sleep(2)
    assert node.routes() == {"10.244.2.0/24": "10.9.0.33"}
    assert node.ready()
    node.start_api()

    node.add_node("n4", "10.244.3.0/24", "192.0.2.4")  # not on this node's link
    assert until(lambda: not node.ready(), 10), node.log()
    assert "no route to 10.244.3.0/24 via 192.0.2.4: nodes of this network must share a link" in node.log()
    node.delete_node("n4")
    assert until(node.ready, 10), node.log()

    agent.terminate()
    agent.wait(2)
    assert node.routes() == {
        "10.244.2.0/24": "10.9.0.33"
    }  # pods keep their network while the agent is replaced


def check_configuration(node: Node) -> None:
    assert [path.name for path in (node.folder / "cni").iterdir()] == ["10-bundler.conflist"]
    bridge, portmap = json.loads((node.folder / "cni/10-bundler.conflist").read_text())["plugins"]
    assert bridge["mtu"] == 1400
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24"}]]
    assert portmap["capabilities"] == {"portMappings": True}


def check_plugins(node: Node) -> None:
    """With this configuration the nodes' plug-ins give a pod an address of the node's range and a way out."""
    installed = node.plugins
    whole = json.loads((node.folder / "cni/10-bundler.conflist").read_text())
    settings = {**whole["plugins"][0], "name": whole["name"], "cniVersion": whole["cniVersion"]}
    settings["ipam"]["dataDir"] = str(node.folder / "ipam")
    pod = f"{node.name}-pod"
    subprocess.run(["ip", "netns", "add", pod], check=True)
    try:
        environment = [
            "CNI_COMMAND=ADD", "CNI_CONTAINERID=pod", f"CNI_NETNS=/run/netns/{pod}", "CNI_IFNAME=eth0",
            f"CNI_PATH={installed}",
        ]  # fmt: skip
        added = node.inside("env", *environment, installed / "bridge", given=json.dumps(settings).encode())
        (address,) = json.loads(added)["ips"]
        assert address["address"].startswith("10.244.0.")
        shown = subprocess.run(["ip", "-n", pod, "route"], capture_output=True, text=True, check=True).stdout
        assert "default via 10.244.0.1 dev eth0" in shown
    finally:
        subprocess.run(["ip", "netns", "delete", pod], check=True)


def check_rules(node: Node) -> None:
    """Each rule once, however often something happened."""
    rules = [line for line in node.inside("iptables-save").splitlines() if "bundler-cni" in line]
    assert sorted(rules) == [
        "-A FORWARD -d 10.244.0.0/16 -m comment --comment bundler-cni -j ACCEPT",
        "-A FORWARD -s 10.244.0.0/16 -m comment --comment bundler-cni -j ACCEPT",
        "-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -m comment --comment bundler-cni -j MASQUERADE",
    ]
