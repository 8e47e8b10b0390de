"""The images of the demo and of the Kubernetes below it: whole, readable by others, able to run."""

import hashlib
import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real import catalogue_kit
from tests.real.catalogue_kit import built, names, unpack
from tests.real.registry_kit import skopeo

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(catalogue_kit.missing()), reason=catalogue_kit.missing() or "all there"),
]

KUBERNETES = "1.37.2"
OF_KUBEADM = [
    "registry.k8s.io/coredns/coredns:v1.14.6",
    "registry.k8s.io/etcd:3.7.3-0",
    "registry.k8s.io/kube-apiserver:v1.37.2",
    "registry.k8s.io/kube-controller-manager:v1.37.2",
    "registry.k8s.io/kube-proxy:v1.37.2",
    "registry.k8s.io/kube-scheduler:v1.37.2",
    "registry.k8s.io/pause:3.10.2",
]
IMAGES = ["bundler.local/cni-bridge:2", "docker.io/demo/web:1.0", "quay.io/demo/web:1.0", *OF_KUBEADM]
PROXY = "registry.k8s.io/kube-proxy:v1.37.2"
CRI = {
    "containerd.tar.gz": ["bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr"],
    "runc.tar.gz": ["runc"],
    "cni-plugins.tgz": ["bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp"],
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("demo") / "root"
    with built("demo", folder):
        yield folder


def test_the_stage_holds_what_is_shipped_and_no_tools(demo: Path) -> None:
    found = sorted(str(path.relative_to(demo)) for path in demo.rglob("*") if path.is_file())
    assert [path for path in found if not path.startswith("images/")] == [
        "application/apps/bridge/bridge.yaml",
        "application/apps/status/status.yaml",
        "application/apps/web/Chart.yaml",
        "application/apps/web/templates/daemonset.yaml",
        "application/apps/web/templates/service.yaml",
        "application/apps/web/values.yaml",
        "bin/crictl",
        "bin/etcdctl",
        "bin/etcdutl",
        "bin/kubeadm",
        "bin/kubectl",
        "bin/kubelet",
        "bin/registry",
        "cri/cni-plugins.tgz",
        "cri/containerd.tar.gz",
        "cri/runc.tar.gz",
        "etc/kubeadm.yml",
    ]
    assert names(demo / "images") == sorted(IMAGES)


def test_archives_hold_what_the_nodes_run_and_are_static(demo: Path, tmp_path: Path) -> None:
    for name, members in CRI.items():
        with tarfile.open(demo / "cri" / name) as tar:
            assert [(one.name, one.mode, one.mtime) for one in tar] == [(one, 0o755, 0) for one in members]
        subprocess.run(["tar", "-xf", demo / "cri" / name, "-C", tmp_path], check=True)
    for path in (*tmp_path.rglob("*"), *(demo / "bin").iterdir()):
        if path.is_file():
            told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
            assert "not a dynamic executable" in told.stderr + told.stdout, path
    said = subprocess.run([tmp_path / "runc", "--version"], capture_output=True, text=True, check=True)
    assert "libseccomp: " in said.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["kubeadm", "version", "-o", "short"], "v1.37.2"),
        (["kubelet", "--version"], "Kubernetes v1.37.2"),
        (["kubectl", "version", "--client"], "Client Version: v1.37.2"),
        (["crictl", "--version"], "crictl version v1.37.0"),
        (["etcdctl", "version"], "etcdctl version: 3.7.3"),
        (["etcdutl", "version"], "etcdutl version: 3.7.3"),
        (["registry", "--version"], "v3.1.2"),
    ],
)
def test_the_programs_say_their_version(demo: Path, command: list[str], said: str) -> None:
    done = subprocess.run(
        [demo / "bin" / command[0], *command[1:]], capture_output=True, text=True, check=True
    )
    assert said in done.stdout


def test_kubeadm_asks_for_the_images_that_are_there(demo: Path) -> None:
    settings = demo.parent / "kubeadm.yml"
    first, rest = (demo / "etc/kubeadm.yml").read_text().split("kind: ClusterConfiguration\n", 1)
    settings.write_text(f"{first}kind: ClusterConfiguration\nkubernetesVersion: v{KUBERNETES}\n{rest}")
    done = subprocess.run(
        [demo / "bin/kubeadm", "config", "images", "list", "--config", settings],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert sorted(done.stdout.split()) == OF_KUBEADM


@pytest.mark.parametrize("name", IMAGES)
def test_another_tool_reads_every_image_whole(demo: Path, name: str, tmp_path: Path) -> None:
    """skopeo checks every digest on the way; the layers it unpacks must be those that the config promises."""
    source = f"oci:{demo}/images:{name}"
    skopeo("copy", "--quiet", "--dest-decompress", source, f"dir:{tmp_path}/unpacked")
    config = json.loads(skopeo("inspect", "--config", source))
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    promised = [digest.removeprefix("sha256:") for digest in config["rootfs"]["diff_ids"]]
    assert [sha256(tmp_path / "unpacked" / digest) for digest in promised] == promised


def sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_nft_in_kube_proxys_image_lists_protocols_by_the_names_that_kube_proxy_gives(
    demo: Path, tmp_path: Path
) -> None:
    """It compares its rules with what is listed; a number in place of a name is another rule to it."""
    root = unpack(demo / "images", PROXY, tmp_path / "root")
    rules = "add table ip t; add map ip t m { type inet_proto : verdict; }; add element ip t m { udp : drop }"
    script = f"nft '{rules}' && nft list map ip t m"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", f'nft() {{ chroot {root} /usr/sbin/nft "$@"; }}; {script}'],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "elements = { udp : drop }" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize(
    ("image", "command", "said"),
    [
        ("registry.k8s.io/etcd:3.7.3-0", ["etcd", "--version"], "etcd Version: 3.7.3"),
        ("registry.k8s.io/etcd:3.7.3-0", ["etcdctl", "version"], "etcdctl version: 3.7.3"),
        ("registry.k8s.io/kube-apiserver:v1.37.2", ["kube-apiserver", "--version"], "Kubernetes v1.37.2"),
        (
            "registry.k8s.io/kube-controller-manager:v1.37.2",
            ["kube-controller-manager", "--version"],
            "Kubernetes v1.37.2",
        ),
        ("registry.k8s.io/kube-scheduler:v1.37.2", ["kube-scheduler", "--version"], "Kubernetes v1.37.2"),
        # kubeadm's manifest calls it by this path
        (PROXY, ["/usr/local/bin/kube-proxy", "--version"], "Kubernetes v1.37.2"),
        (PROXY, ["iptables-restore", "--version"], "(nf_tables)"),
        (PROXY, ["ip6tables-save", "--version"], "(nf_tables)"),
        (PROXY, ["nft", "--version"], "nftables v1.0."),
        ("registry.k8s.io/coredns/coredns:v1.14.6", ["/coredns", "-version"], "CoreDNS-1.14.6"),
        ("registry.k8s.io/pause:3.10.2", ["/pause", "-v"], "pause 3.10.2"),
        ("bundler.local/cni-bridge:2", ["iptables", "--version"], "(nf_tables)"),
        ("bundler.local/cni-bridge:2", ["sh", "-c", "echo a shell"], "a shell"),
    ],
)
def test_programs_find_all_they_need_in_their_image(
    demo: Path, image: str, command: list[str], said: str, tmp_path: Path
) -> None:
    root = unpack(demo / "images", image, tmp_path / "root")
    path = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        ["/usr/sbin/chroot", root, *command], capture_output=True, text=True, check=False, env=path
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


@pytest.fixture
def pause(demo: Path, tmp_path: Path) -> Path:
    return unpack(demo / "images", "registry.k8s.io/pause:3.10.2", tmp_path / "root") / "pause"


def test_pause_leaves_on_a_signal(pause: Path) -> None:
    with subprocess.Popen([pause]) as process:
        time.sleep(0.2)
        assert process.poll() is None
        process.terminate()
        assert process.wait(5) == 128 + signal.SIGTERM


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_pause_reaps_orphans(pause: Path) -> None:
    orphan = f"(sleep 0.5 &); exec {pause}"
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", orphan]) as outer:
        try:
            assert until(lambda: children(outer.pid))
            (first,) = children(outer.pid)
            assert until(lambda: children(first))
            assert until(lambda: not children(first))  # a zombie would still be listed
        finally:
            outer.kill()  # it waits for the namespace's first process and listens to nothing milder


def children(pid: int) -> list[int]:
    """The processes below one, zombies too."""
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in done.stdout.split()]


def until(true: Callable[[], object]) -> bool:
    """Whether it becomes true within five seconds."""
    deadline = time.monotonic() + 5
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
