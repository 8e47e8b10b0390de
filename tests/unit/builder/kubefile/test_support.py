"""What is out of support: the table, the lines of a Kubefile, and what `lint` and `make` say of them."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bundler.builder.cli.app import app
from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.kubefile.lint import lint
from bundler.builder.kubefile.parser import read
from bundler.builder.kubefile.support import out_of_support, support_of, support_of_suite
from bundler.core.errors import ExitCode

TODAY = date(2026, 11, 26)


def found(text: str, today: date = TODAY, **given: str) -> list[str]:
    reading = read(f"FROM scratch\n{text}".encode(), "Kubefile")
    return [each.what for each in out_of_support(reading.kubefile.instructions, today, given)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("LABEL io.kubernetes.version=v1.20.2", ["Kubernetes 1.20.2"]),
        ("LABEL io.kubernetes.version=1.18", ["Kubernetes 1.18"]),  # older than the table
        ("LABEL io.kubernetes.version=v1.34.4", ["Kubernetes 1.34.4"]),
        ("LABEL io.kubernetes.version=v1.35.0", []),
        ("LABEL io.kubernetes.version=v1.99.0", []),  # newer than the table
        ("LABEL version=v1.20.2", []),
        ("ARG V=1.20.2\nLABEL io.kubernetes.version=v${V}", ["Kubernetes 1.20.2"]),
        ("LABEL io.kubernetes.version=v${V}", []),
        ("PACKAGE debian:bullseye iptables", ["debian:bullseye"]),
        ("PACKAGE debian:bookworm iptables", []),
        ("PACKAGE centos:8 iptables\nPACKAGE rhel:9.4 x", ["centos:8"]),
        ("IMAGE registry.k8s.io/etcd:3.4.13-0", ["etcd 3.4.13"]),
        ("IMAGE registry.k8s.io/etcd:3.6.16-0", []),
        ("IMAGE registry.k8s.io/kube-apiserver:v1.33.1", ["Kubernetes 1.33.1"]),
        ("ADD https://x/v1.7.30/containerd-1.7.30-linux-amd64.tar.gz cri/", ["containerd 1.7"]),
        ("ADD https://x/v2.3.1/containerd-2.3.1-linux-amd64.tar.gz cri/", []),
        ("LABEL io.containerd.version=1.7.30", ["containerd 1.7.30"]),
        ("ADD https://x/containerd-static-2.0.1-linux-amd64.tar.gz cri/", ["containerd 2.0"]),
        ("COPY cri/containerd-1.4.1.tar.gz cri/", ["containerd 1.4"]),
        ('LABEL "io.kubernetes.version"=v1.20.2', ["Kubernetes 1.20.2"]),
        ("LABEL io.kubernetes.version v1.20.2", ["Kubernetes 1.20.2"]),
        ("ENV V=1.20.2\nLABEL io.kubernetes.version=$V", ["Kubernetes 1.20.2"]),
        ("ARG V\nLABEL io.kubernetes.version=v${V:-1.20.2}", ["Kubernetes 1.20.2"]),
        ("LABEL io.kubernetes.version=v1.34.0+k3s1", ["Kubernetes 1.34.0"]),
        ("PACKAGE fedora:38 x", ["fedora:38"]),  # older than the table
        ("PACKAGE centos:6 x", ["centos:6"]),
        ("PACKAGE rhel:7.9 x", ["rhel:7.9"]),
        ("PACKAGE rhel:10 x", []),  # newer than the table
        ("PACKAGE debian:sid x", []),
        ("PACKAGE amzn:2023 x", []),
        ("IMAGE quay.io/coreos/etcd:v3.3.10@sha256:" + "a" * 64, ["etcd 3.3.10"]),
        ("IMAGE r:5000/etcd", []),
        ("IMAGE registry.k8s.io/kube-proxy:v1.20.2", ["Kubernetes 1.20.2"]),
        ("IMAGE registry.k8s.io/coredns/coredns:v1.20.2", []),
        ("ADD https://dl.k8s.io/release/v1.20.2/bin/linux/amd64/kubelet bin/", ["Kubernetes 1.20"]),
        ("ADD https://dl.k8s.io/v1.36.0/kubernetes-server-linux-amd64.tar.gz bin/", []),
        ("ADD https://github.com/k3s-io/k3s/releases/download/v1.20.2%2Bk3s1/k3s bin/", ["Kubernetes 1.20"]),
        ("ADD https://github.com/x/cri-tools/releases/download/v1.20.0/crictl-v1.20.0.tar.gz bin/", []),
        ("ADD https://x/v1.6.8/cri-containerd-cni-1.6.8-linux-amd64.tar.gz cri/", ["containerd 1.6"]),
        ("ADD https://x/etcd-v3.3.1-linux-amd64.tar.gz bin/", ["etcd 3.3"]),
    ],
)
def test_what_lines_name(line: str, what: list[str]) -> None:
    assert found(line) == what


def test_a_build_argument_counts() -> None:
    lines = "ARG V=1.37.2\nLABEL io.kubernetes.version=v${V}"
    assert found(lines) == []
    assert found(lines, V="1.30.0") == ["Kubernetes 1.30.0"]


def test_the_last_day_is_one_of_support() -> None:
    last = support_of("Kubernetes", "v1.34.0")
    assert last is not None
    line = "LABEL io.kubernetes.version=v1.34.0"
    assert found(line, last) == []
    assert found(line, date.fromordinal(last.toordinal() + 1)) != []
    assert support_of("Kubernetes", "latest") is None
    assert support_of_suite("debian:sid") is None


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Kubefile").write_text('FROM scratch\nLABEL io.kubernetes.version=v1.20.2\nCMDS ["true"]\n')
    return tmp_path


def test_lint_warns_and_does_not_fail(context: Path, tmp_path: Path) -> None:
    report = lint(context / "Kubefile", Catalogue(tmp_path))
    (told,) = [each for each in report.findings if each.problem.rule == "out-of-support"]
    assert (told.problem.location.line, report.errors) == (2, ())
    assert "Kubernetes 1.20.2 has been out of support since 2022-02-28" in told.problem.message


def test_lint_warns_of_a_base(context: Path, tmp_path: Path) -> None:
    (tmp_path / "child").mkdir()
    child = tmp_path / "child" / "Kubefile"
    child.write_text('FROM ../Kubefile\nCMDS ["true"]\n')
    report = lint(child, Catalogue(tmp_path / "none"))
    assert [each.problem.rule for each in report.findings] == ["out-of-support"]
    assert context.exists()


def test_make_refuses_without_allow_eol(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUNDLER_ALLOW_EOL", raising=False)
    words = ["make", str(context), "-o", str(context / "x.run"), "--cache", str(context / "cache"), "-q"]
    refused = CliRunner().invoke(app, words)
    error = refused.exception
    assert getattr(error, "code", None) is ExitCode.UNSUPPORTED
    assert "Kubefile:2" in str(error)
    assert "--allow-eol" in str(error)
    assert not (context / "x.run").exists()
