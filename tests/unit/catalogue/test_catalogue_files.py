"""The catalogue's files agree with one another and with what the builder and Kubernetes read."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.builder.kubefile.catalogue import default_catalogue

CATALOGUE = default_catalogue()
SOURCE = CATALOGUE / "kubernetes-source"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def pod_specs(path: Path) -> list[dict[str, Any]]:
    return [
        one["spec"]["template"]["spec"]
        for one in documents(path)
        if one["kind"] in {"DaemonSet", "Deployment"}
    ]


def first(pattern: str, path: Path) -> str:
    """What the first line of a file that the pattern fits has in its group."""
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    assert found, pattern
    return found[1]


def default(kubefile: Path, name: str) -> str:
    """What an ARG of a Kubefile is if nobody sets it."""
    return first(rf"^ARG {name}=(\S+)$", kubefile)


def test_both_kubernetes_take_the_same_newest_version() -> None:
    both = [default(CATALOGUE / name / "Kubefile", "KUBERNETES_VERSION") for name in ("kubernetes", SOURCE)]
    assert both == ["1.37.2", "1.37.2"]


def test_both_say_which_containerd_they_bring() -> None:
    pinned = first(r"containerd/v2 v(\S+) ", SOURCE / "modules/containerd/go.mod")
    assert f"LABEL io.containerd.version={pinned}\n" in (SOURCE / "Kubefile").read_text()
    assert default(CATALOGUE / "kubernetes/Kubefile", "CONTAINERD_VERSION") == pinned


@pytest.mark.parametrize("name", ["bridge", "flannel"])
def test_a_network_runs_the_image_that_is_composed(name: str) -> None:
    (pod,) = pod_specs(CATALOGUE / f"network-{name}/cni/{name}.yaml")
    (agent,) = pod["containers"]
    composed = (CATALOGUE / f"network-{name}/network.py").read_text()
    repository, _, tag = agent["image"].rpartition(":")
    assert f'"{repository}:' in composed
    pin = CATALOGUE / f"network-{name}/modules/{name}/go.mod"
    pinned = f"/{name} {tag}\n" in pin.read_text() if pin.exists() else f':{tag}"' in composed
    assert pinned
    assert pod["hostNetwork"] is True
    assert {"operator": "Exists"} in pod["tolerations"]


def test_the_kubelet_stays_quiet_though_it_is_quick_to_tell() -> None:
    # setting the first alone would make every node write its status every two seconds, for ever
    (kubelet,) = [
        one for one in documents(SOURCE / "etc/kubeadm.yml") if one["kind"] == "KubeletConfiguration"
    ]
    assert kubelet["nodeStatusUpdateFrequency"] == "2s"
    assert kubelet["nodeStatusReportFrequency"] == "5m"


def test_the_demo_has_one_path_and_tag_in_two_registries() -> None:
    chart = yaml.safe_load((CATALOGUE / "demo/web/values.yaml").read_text())["image"]
    (pod,) = pod_specs(CATALOGUE / "demo/status/status.yaml")
    manifest = pod["containers"][0]["image"]
    assert (chart, manifest) == ("docker.io/demo/web:1.0", "quay.io/demo/web:1.0")
    kubefile = (CATALOGUE / "demo/Kubefile").read_text()
    assert chart in kubefile
    assert manifest in kubefile


def test_no_pin_names_a_server_that_modules_come_from() -> None:
    files = [*CATALOGUE.glob("*/modules/*/go.mod"), *CATALOGUE.glob("*/modules/*/go.sum")]
    assert len(files) == 2 * len(list(CATALOGUE.glob("*/modules/*")))
    for path in files:
        assert not re.search("https?://", path.read_text())


SCRIPTS = sorted({*CATALOGUE.glob("**/*.sh"), *CATALOGUE.glob("**/*.py")})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(CATALOGUE)))
def test_what_begins_like_a_script_can_be_run_and_what_is_called_is_one(script: Any) -> None:
    begins = script.read_text().startswith("#!")
    assert begins == bool(script.stat().st_mode & stat.S_IXUSR)
    called = "".join(path.read_text() for path in CATALOGUE.glob("*/Kubefile"))
    assert begins or f".build/{script.name}" not in called


def test_the_label_says_which_containerd_is_compiled() -> None:
    pinned = re.search(
        r"^\tgithub\.com/containerd/containerd/v2 v(\S+)",
        (SOURCE / "modules/containerd/go.mod").read_text(),
        re.MULTILINE,
    )
    assert pinned is not None
    assert f"\nLABEL io.containerd.version={pinned[1]}\n" in (SOURCE / "Kubefile").read_text()
