"""Which containerd a host gets, and in which version its configuration is written."""

import tomllib
from dataclasses import replace

import pytest

from bundler.core.index import Index
from bundler.installer.plan.steps import Write
from tests.unit.installer.plan import kit


def version(bundle: Index) -> int:
    """The version of containerd's configuration on the worker."""
    step = kit.steps(kit.plan(bundle=bundle))["runtime/10.0.0.3/config"]
    assert isinstance(step, Write)
    found: int = tomllib.loads(step.content)["version"]
    return found


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        ("containerd-2.4.2-linux-amd64.tar.gz", 3),
        ("containerd-static-2.1.4-linux-amd64.tar.gz", 3),
        ("containerd-static-1.7.30-linux-amd64.tar.gz", 2),
        ("cri-containerd-cni-1.7.2-linux-amd64.tar.gz", 2),
        ("cri-containerd-2.0.0-linux-amd64.tar.gz", 3),
        ("containerd.tar.gz", 2),  # nothing tells: every containerd reads version 2
    ],
)
def test_an_archives_name_tells(archive: str, expected: int) -> None:
    files = {"root/cri/cni-plugins-linux-amd64-v1.10.0.tgz": 1, f"root/cri/{archive}": 1}
    assert version(kit.index(packages=(), files=files)) == expected


@pytest.mark.parametrize(("label", "expected"), [("2.4.2", 3), ("v2.0.0-rc.1", 3), ("1.7.30", 2)])
def test_a_label_tells_where_the_name_does_not(label: str, expected: int) -> None:
    bundle = kit.index(packages=(), files={"root/cri/containerd.tar.gz": 1})
    assert version(replace(bundle, labels={"io.containerd.version": label})) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("containerd", "1.6.20~ds1-1+deb12u1", 2),
        ("containerd.io", "2.1.4-1", 3),
        ("containerd", "0:2.2.0-1", 3),
    ],
)
def test_a_packages_version_tells(name: str, text: str, expected: int) -> None:
    package = replace(kit.package(name, requested=True), version=text)
    assert version(kit.index(packages=(package,))) == expected
