"""The images of the demo and of the Kubernetes below it: whole, readable by others, able to run."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real import catalogue_kit
from tests.real.catalogue_kit import built, names, unpack
from tests.real.registry_kit import skopeo

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(catalogue_kit.missing()), reason=catalogue_kit.missing() or "all there"),
]

IMAGES = [
    "bundler.local/cni-bridge:1",
    "docker.io/demo/web:1.0",
    "k8s.gcr.io/etcd:3.4.23",
    "k8s.gcr.io/kube-apiserver:v1.20.2",
    "k8s.gcr.io/kube-controller-manager:v1.20.2",
    "k8s.gcr.io/kube-proxy:v1.20.2",
    "k8s.gcr.io/kube-scheduler:v1.20.2",
    "k8s.gcr.io/pause:3.2",
    "quay.io/demo/web:1.0",
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "root"
    with built("demo", folder):
        yield folder


def test_the_stage_holds_what_is_shipped_and_no_tools(demo):
    found = sorted(str(path.relative_to(demo)) for path in demo.rglob("*") if path.is_file())
    assert [path for path in found if not path.startswith("images/")] == [
        "application/apps/bridge/bridge.yaml",
        "application/apps/status/status.yaml",
        "application/apps/web/Chart.yaml",
        "application/apps/web/templates/daemonset.yaml",
        "application/apps/web/templates/service.yaml",
        "application/apps/web/values.yaml",
        "bin/kubeadm",
        "bin/kubectl",
        "bin/kubelet",
        "bin/registry",
        "etc/kubeadm.yml",
    ]
    assert names(demo / "images") == IMAGES


def test_the_programs_say_their_version(demo):
    for command in (["kubeadm", "version", "-o", "short"], ["kubelet", "--version"]):
        done = subprocess.run(
            [demo / "bin" / command[0], *command[1:]], capture_output=True, text=True, check=True
        )
        assert done.stdout.split()[-1] == "v1.20.2"
    listed = [demo / "bin/kubeadm", "config", "images", "list", "--config", demo / "etc/kubeadm.yml"]
    done = subprocess.run(listed, capture_output=True, text=True, check=True)
    wanted = set(done.stdout.split())
    assert wanted - set(IMAGES) == {"k8s.gcr.io/coredns:1.7.0"}  # not in Debian; the installer leaves it out


@pytest.mark.parametrize("name", IMAGES)
def test_another_tool_reads_every_image_whole(demo, name, tmp_path):
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
@pytest.mark.parametrize(
    ("image", "command", "said"),
    [
        ("k8s.gcr.io/etcd:3.4.23", ["etcd", "--version"], "etcd Version: 3.4.23"),
        ("k8s.gcr.io/kube-apiserver:v1.20.2", ["kube-apiserver", "--version"], "Kubernetes v1.20.2"),
        (
            "k8s.gcr.io/kube-controller-manager:v1.20.2",
            ["kube-controller-manager", "--version"],
            "Kubernetes v1.20.2",
        ),
        ("k8s.gcr.io/kube-scheduler:v1.20.2", ["kube-scheduler", "--version"], "Kubernetes v1.20.2"),
        # kubeadm's manifest calls it by this path
        ("k8s.gcr.io/kube-proxy:v1.20.2", ["/usr/local/bin/kube-proxy", "--version"], "Kubernetes v1.20.2"),
        ("k8s.gcr.io/kube-proxy:v1.20.2", ["iptables-restore", "--version"], "(nf_tables)"),
        ("k8s.gcr.io/kube-proxy:v1.20.2", ["conntrack", "--version"], "conntrack"),
        ("bundler.local/cni-bridge:1", ["iptables", "--version"], "(nf_tables)"),
        ("bundler.local/cni-bridge:1", ["kubectl", "version", "--client", "--short"], "v1.20.2"),
        ("bundler.local/cni-bridge:1", ["sh", "-c", "echo a shell"], "a shell"),
    ],
)
def test_programs_find_all_they_need_in_their_image(demo, image, command, said, tmp_path):
    root = unpack(demo / "images", image, tmp_path / "root")
    path = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        ["/usr/sbin/chroot", root, *command], capture_output=True, text=True, check=False, env=path
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


@pytest.fixture
def pause(demo, tmp_path):
    return unpack(demo / "images", "k8s.gcr.io/pause:3.2", tmp_path / "root") / "pause"


def test_pause_leaves_on_a_signal(pause):
    with subprocess.Popen([pause]) as process:
        time.sleep(0.2)
        assert process.poll() is None
        process.terminate()
        assert process.wait(5) == 128 + signal.SIGTERM


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_pause_reaps_orphans(pause):
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
