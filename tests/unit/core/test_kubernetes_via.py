"""Versions of Kubernetes on the way: what the label says, and whether a bundle has what it promises."""

from pathlib import Path

import pytest

from bundler.builder.model.via import check_via
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.kubernetes_via import IMAGES, VIA_LABEL, via, via_faults


def images(*versions: str) -> list[str]:
    return [f"registry.k8s.io/{name}:{version}" for version in versions for name in IMAGES]


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("", ()),
        ("v1.36.3", ("v1.36.3",)),
        ("1.36.3 1.35.4", ("v1.35.4", "v1.36.3")),
        ("v1.10.0,v1.9.1", ("v1.9.1", "v1.10.0")),
    ],
)
def test_the_label_names_them_in_any_order(label: str, found: tuple[str, ...]) -> None:
    assert via({VIA_LABEL: label}) == found


@pytest.mark.parametrize(
    ("versions", "target", "word"),
    [
        ((), "v1.37.2", ""),
        (("v1.36.3",), "v1.37.2", ""),
        (("v1.35.4", "v1.36.3"), "v1.37.2", ""),
        (("v1.35.4",), "v1.37.2", "no way"),  # 1.36 is missing
        (("v1.36.1", "v1.36.3"), "v1.37.2", "no way"),
        (("v1.37.1",), "v1.37.2", "no way"),
        (("v1.34.4", "v1.35.4", "v1.36.3"), "v1.37.2", "no way"),  # kubelets would be four behind
        (("v1.36.3",), "", "no Kubernetes"),
    ],
)
def test_a_way_has_every_minor_and_no_more_than_a_kubelet_bears(
    versions: tuple[str, ...], target: str, word: str
) -> None:
    paths = [f"via/{version}/kubeadm" for version in versions]
    found = tuple(via_faults(versions, target, paths, images(*versions)))
    assert [word in each for each in found] == [True] * bool(word)


def test_everything_that_is_missing_is_told_at_once() -> None:
    paths, there = ["root/via/v1.35.4/kubeadm", "via/v1.36.3/kubeadm"], images("v1.35.4", "v1.36.3")[:-1]
    with pytest.raises(BundlerError) as error:
        check_via({VIA_LABEL: "v1.35.4 v1.36.3"}, "v1.37.2", paths, there, Path("Kubefile"))
    assert error.value.code is ExitCode.INPUT
    told = str(error.value)
    assert "via/v1.36.3/kubeadm is not in the bundle" in told  # below root/ alone is the tree
    assert "via/v1.35.4/kubeadm" not in told
    assert "images of v1.36.3 are missing: kube-proxy" in told
