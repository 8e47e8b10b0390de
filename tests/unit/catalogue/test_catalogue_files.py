"""The catalogue's files agree with one another and with what the builder and Kubernetes read."""

import ast
import stat
from pathlib import Path

import pytest
import yaml

from bundler.builder.kubefile.catalogue import Catalogue, default_catalogue
from bundler.builder.kubefile.lint import lint

CATALOGUE = default_catalogue()
DEBIAN = CATALOGUE / "kubernetes-debian"


def constants(script: Path) -> dict[str, object]:
    """The top-level constants of a script, read without running it."""
    found = {}
    for node in ast.parse(script.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                found[name] = value
    return found


def documents(path: Path) -> list[dict]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def pod_specs(path: Path) -> list[dict]:
    return [
        one["spec"]["template"]["spec"]
        for one in documents(path)
        if one["kind"] in {"DaemonSet", "Deployment"}
    ]


def test_the_catalogue_has_these_entries():
    assert Catalogue(CATALOGUE).names() == ("demo", "kubernetes", "kubernetes-debian")


@pytest.mark.parametrize("name", ["demo", "kubernetes", "kubernetes-debian"])
def test_kubefiles_are_clean(name):
    report = lint(CATALOGUE / name / "Kubefile", Catalogue(CATALOGUE))
    assert report.findings == ()


def test_kubeadm_asks_for_the_images_that_are_composed():
    composed = constants(DEBIAN / "build/images.py")
    cluster = next(
        one for one in documents(DEBIAN / "etc/kubeadm.yml") if one["kind"] == "ClusterConfiguration"
    )
    assert cluster["etcd"]["local"]["imageTag"] == composed["ETCD"]
    assert cluster["imageRepository"] == composed["REGISTRY"]
    label = f"io.kubernetes.version={cluster['kubernetesVersion']}"
    assert label in (DEBIAN / "Kubefile").read_text()


def test_the_network_runs_the_image_that_is_composed():
    (pod,) = pod_specs(DEBIAN / "cni/bridge.yaml")
    (agent,) = pod["containers"]
    assert agent["image"] == constants(DEBIAN / "build/images.py")["CNI_BRIDGE"]
    assert pod["hostNetwork"] is True
    assert {"operator": "Exists"} in pod["tolerations"]


def test_the_kubelet_stays_quiet_though_it_is_quick_to_tell():
    # setting the first alone would make every node write its status every two seconds, for ever
    kubelet = next(
        one for one in documents(DEBIAN / "etc/kubeadm.yml") if one["kind"] == "KubeletConfiguration"
    )
    assert kubelet["nodeStatusUpdateFrequency"] == "2s"
    assert kubelet["nodeStatusReportFrequency"] == "5m"


def test_the_demo_has_one_path_and_tag_in_two_registries():
    chart = yaml.safe_load((CATALOGUE / "demo/web/values.yaml").read_text())["image"]
    (pod,) = pod_specs(CATALOGUE / "demo/status/status.yaml")
    manifest = pod["containers"][0]["image"]
    assert (chart, manifest) == ("docker.io/demo/web:1.0", "quay.io/demo/web:1.0")
    kubefile = (CATALOGUE / "demo/Kubefile").read_text()
    assert chart in kubefile
    assert manifest in kubefile


@pytest.mark.parametrize(
    "script", sorted(CATALOGUE.glob("*/*/*.sh")) + sorted(CATALOGUE.glob("*/build/*.py")), ids=str
)
def test_scripts_can_be_run(script):
    assert script.read_text().startswith("#!")
    assert script.stat().st_mode & stat.S_IXUSR
