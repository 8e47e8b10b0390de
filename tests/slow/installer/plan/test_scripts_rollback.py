"""What is kept before an upgrade and put back after it: the scripts under a real shell, in a folder."""

from pathlib import Path

import pytest

from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine

OLD, NEW = "v1.36.3", "v1.37.2"


class Host(Machine):
    """A node that runs the old version, as our steps leave it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.keep = self.state / "kept" / OLD
        self.write("var/lib/bundler/contents", "")
        self.install(OLD)
        self.note("archives/containerd.tar.gz")

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, text: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path(f"{name}.fresh")  # as our steps do: a new file takes the old one's place
        fresh.write_text(text)
        fresh.replace(self.path(name))

    def note(self, archive: str) -> None:
        with (self.state / "contents").open("a") as contents:
            contents.write(f"{'0' * 64} {self.state}/{archive}\n")

    def install(self, version: str) -> None:
        """What an install or an upgrade leaves."""
        self.write("usr/local/bin/kubelet", f"#!/bin/sh\necho Kubernetes {version}\n")
        self.path("usr/local/bin/kubelet").chmod(0o755)
        for name in ("etcd", "kube-apiserver"):
            self.write(f"etc/kubernetes/manifests/{name}.yaml", f"    image: r/{name}:{version[1:]}\n")
        self.write("etc/kubernetes/audit.yaml", version)
        self.write("var/lib/kubelet/config.yaml", version)
        with (self.state / "contents").open("a") as contents:
            contents.write(f"{version.encode().hex():0>64} {self.path('usr/local/bin/kubelet')}\n")
        self.write("var/lib/bundler/written", f"{self.path('etc/kubernetes/audit.yaml')}\n")
        lines = "".join(f'{{"step": "{name}", "v": "{version}"}}\n' for name in ("runtime/h/a", "host/h/b"))
        self.write("var/lib/bundler/journal", lines)

    def call(self, name: str, **variables: str) -> str:
        text = str(templates.script(name, keep=f"/var/lib/bundler/kept/{self.keep.name}", **variables))
        for place in ("/usr/local/bin", "/etc/kubernetes", "/var/lib/kubelet"):
            text = text.replace(place, f"{self.root}{place}")
        return self.run(text)

    def shown(self) -> dict[str, str]:
        names = (
            "usr/local/bin/kubelet",
            "etc/kubernetes/manifests/etcd.yaml",
            "etc/kubernetes/audit.yaml",
            "var/lib/kubelet/config.yaml",
            "var/lib/bundler/journal",
            "var/lib/bundler/contents",
        )
        return {name: self.path(name).read_text() for name in names}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_was_kept_is_put_back_and_the_host_is_as_it_was(host: Host) -> None:
    before = host.shown()
    host.call("keep.sh")
    host.install(NEW)
    assert host.shown() != before
    host.call("rollback-files.sh")
    assert host.shown() == before
    assert "systemctl daemon-reload" in host.calls.read_text()
    assert [
        path.name for path in host.path("etc/kubernetes/manifests").iterdir() if path.name[0] == "."
    ] == []


def test_what_is_kept_is_not_replaced_by_a_run_that_goes_on(host: Host) -> None:
    host.call("keep.sh")
    host.install(NEW)
    host.call("keep.sh")
    kept = host.keep / f"root{host.root}/usr/local/bin/kubelet"
    assert OLD in kept.read_text()


def test_two_generations_stay(host: Host) -> None:
    for version in (OLD, NEW, "v1.38.0"):
        host.keep = host.state / "kept" / version
        host.call("keep.sh")
    assert sorted(path.name for path in (host.state / "kept").iterdir()) == [NEW, "v1.38.0"]


def test_a_container_runtime_that_came_along_is_looked_at_again_by_the_next_run(host: Host) -> None:
    host.call("keep.sh")
    host.install(NEW)
    host.note("archives/containerd-2.5.tar.gz")
    host.call("rollback-files.sh")
    journal = host.path("var/lib/bundler/journal").read_text()
    assert "host/h/b" in journal
    assert "runtime/h/a" not in journal


def test_what_was_put_back_is_no_way_back_any_more(host: Host) -> None:
    host.call("keep.sh")
    host.call("rollback-done.sh")
    assert not host.keep.exists()


KEYS = """\
/registry/configmaps/shop/kept 5 5
/registry/configmaps/shop/changed 6 6
/registry/configmaps/shop/gone 7 7
/registry/leases/kube-node-lease/node-1 8 8
"""
NOW = """\
/registry/configmaps/shop/kept 5 5
/registry/configmaps/shop/changed 6 20
/registry/configmaps/shop/fresh 21 21
/registry/leases/kube-node-lease/node-1 8 30
/registry/persistentvolumes/pv-1 22 22
/registry/acme.example/widgets/shop/w 23 23
"""


def test_what_would_be_lost_is_counted_by_kind_without_what_nodes_write_all_the_time(host: Host) -> None:
    host.keep.mkdir(parents=True)
    (host.keep / "etcd.keys").write_text(KEYS)
    (host.keep / "etcd.db.sha256").write_text("")
    keys = f"etcd_keys() {{ cat <<'KEYS'\n{NOW}KEYS\n}}\n"
    said = host.run(
        keys + templates.script("rollback-loss.sh", keep=f"/var/lib/bundler/kept/{OLD}")
    ).splitlines()
    assert said[0].startswith("taken ")
    assert sorted(said[1:]) == [
        "changed configmaps 1",
        "created configmaps 1",
        "created persistentvolumes 1",
        "created widgets 1",
        "deleted configmaps 1",
        "volume pv-1",
    ]


@pytest.mark.parametrize(("heard", "fresh"), [(1_000_000_031, True), (30, False), (25, False)])
def test_a_node_counts_only_once_it_was_heard_of_since_the_restore(
    host: Host, heard: int, *, fresh: bool
) -> None:
    host.keep.mkdir(parents=True)
    (host.keep / "etcd.keys").write_text(
        "/registry/leases/kube-node-lease/node-1 8 30\n/registry/pods/a/b 9 9\n"
    )
    kubectl = f"kubectl() {{ echo {heard}; }}\n"
    script = templates.script("rollback-fresh.sh", node="node-1", keep=f"/var/lib/bundler/kept/{OLD}")
    said = host.run(f"{kubectl}if (\n{script}) 2>/dev/null; then echo fresh; fi")
    assert said == ("fresh\n" if fresh else "")
