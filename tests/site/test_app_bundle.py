"""A bundle of apps alone, from this host, onto a cluster of machines by its kubeconfig: no ssh."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.installer.plan import paths
from tests.site import lifecycle, product, ssh, watch
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("app-bundle", kind="cluster")]
_PORT = 5000
_REGISTRY = """version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""
_CATALOGUE = product.REPOSITORY / "templates/catalog"


def _context(folder: Path, version: str, tag: str) -> Path:
    """The demo's apps without their Kubernetes, with images under this tag."""
    context = folder / f"pages-{version}"
    shutil.copytree(product.DEMO, context)
    kubefile = context / "Kubefile"
    body = kubefile.read_text().partition("LABEL ")[2].replace("title=demo", "title=pages")
    kubefile.write_text(
        f"FROM scratch\nINCLUDE tools\nLABEL {body}".replace("version=1.0.0", f"version={version}")
    )
    for name in ("Kubefile", "web/values.yaml", "status/status.yaml"):
        path = context / name
        path.write_text(path.read_text().replace("web:1.0", f"web:{tag}"))
    return context


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that was made, what reaches it, and two versions of an app bundle."""

    spec: SiteSpec
    folder: Path
    registry: str

    def call(self, version: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        run_file = self.folder / f"pages-{version}.run"
        words = [str(run_file), command, "--kubeconfig", str(self.folder / "kubeconfig"), *options]
        trusted = ["--trust", str(product.vendor_key().with_suffix(".pub"))]
        log = ["--log", str(self.folder / f"{command}.log")] if command != "plan" else []
        return subprocess.run(
            [*words, *trusted, *log],
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
            cwd=self.folder,
        )

    def apply(self, version: str) -> subprocess.CompletedProcess[str]:
        return self.call(version, "apply", "--registry", self.registry, "--insecure-registry")

    def runs(self, wanted: set[str]) -> bool:
        """Whether pods run exactly these images; those that are replaced take a moment to end."""
        end = time.monotonic() + 60
        while self.images() != wanted and time.monotonic() < end:
            time.sleep(1)
        return self.images() == wanted

    def images(self) -> set[str]:
        listed = product.kubectl(
            self.spec, "get pods -n default -o jsonpath='{.items[*].spec.containers[*].image}'"
        )
        return set(listed.split())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    platform = Path(os.environ.get("BUNDLER_PLATFORM_RUN", tmp_path / "platform.run"))
    if not platform.exists():
        product.make(platform, context=_CATALOGUE / "kubernetes-source", quiet=True)
    for version, tag in (("1.0.0", "1.0"), ("1.1.0", "1.1")):
        product.make(tmp_path / f"pages-{version}.run", context=_context(tmp_path, version, tag), quiet=True)
    spec = SiteSpec("app-bundle", IPv4Network("10.79.215.0/24"), 2)
    lifecycle.up(spec, lambda _: None)
    try:
        product.carry(spec, platform)
        done = product.run(spec, "--clusterfile site.yaml", name=platform.name)
        assert done.returncode == 0, done.stderr[-3000:]
        registry = f"{spec.host_address}:{_PORT}"
        _write_kubeconfig(spec, tmp_path / "kubeconfig")
        _let_nodes_pull_from(spec, registry)
        with _registry(platform, tmp_path, registry):
            yield Cluster(spec, tmp_path, registry)
    finally:
        lifecycle.down(spec.name, lambda _: None)


def _write_kubeconfig(spec: SiteSpec, path: Path) -> None:
    """The administrator's, by the control plane's address."""
    first = spec.machines[0]
    text = ssh.on(spec, first, "cat /etc/kubernetes/admin.conf")
    lines = (
        f"    server: https://{first.address}:6443" if line.strip().startswith("server:") else line
        for line in text.splitlines()
    )
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in lines))


def _let_nodes_pull_from(spec: SiteSpec, registry: str) -> None:
    """What the cluster's owner does once: the nodes speak plain HTTP to this registry."""
    folder = f"{paths.CERTS}/{registry}"
    for machine in spec.machines:
        ssh.on(
            spec, machine, f"mkdir -p {folder} && echo 'server = \"http://{registry}\"' >{folder}/hosts.toml"
        )


class _registry:  # noqa: N801  (used as a function is)
    """The bundle's own registry program, on this host's address on the site."""

    def __init__(self, platform: Path, folder: Path, address: str) -> None:
        tools = folder / "tools"
        subprocess.run(
            [str(platform), "extract", "root/bin/registry", "--target", str(tools)],
            check=True,
            capture_output=True,
        )
        self._config = folder / "registry.yml"
        self._config.write_text(_REGISTRY.format(folder=folder / "images", address=address))
        self._program = tools / "root/bin/registry"

    def __enter__(self) -> None:
        self._program.chmod(0o755)
        self._process = subprocess.Popen(
            [str(self._program), "serve", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        assert self._process.poll() is None

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)


def _wait_until_gone(cluster: Cluster) -> None:
    """Pods end a moment after what made them."""
    limit = time.monotonic() + 60
    while left := cluster.images():
        assert time.monotonic() < limit, left
        time.sleep(0.5)


def test_apps_come_are_upgraded_go_back_and_go(cluster: Cluster) -> None:
    planned = cluster.call("1.0.0", "plan", "--registry", cluster.registry)
    assert planned.returncode == 0, planned.stderr
    assert all(name in planned.stdout for name in ("pull 2 images", "web is a chart", "status is")), (
        planned.stdout
    )

    first = cluster.apply("1.0.0")
    assert first.returncode == 0, first.stderr
    product.wait_for_pages(cluster.spec)
    here = {f"{cluster.registry}/{name}" for name in product.PAGES.values()}
    assert cluster.runs(here)

    again = cluster.apply("1.0.0")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stderr

    newer = cluster.apply("1.1.0")
    assert newer.returncode == 0, newer.stderr
    assert cluster.runs({name.replace("web:1.0", "web:1.1") for name in here})

    older = cluster.apply("1.0.0")
    assert older.returncode == 16, older.stdout  # newer is there
    assert "--allow-downgrade" in older.stderr

    back = cluster.call("1.1.0", "rollback")
    assert back.returncode == 0, back.stderr
    assert cluster.runs(here)
    product.wait_for_pages(cluster.spec)

    gone = cluster.call("1.1.0", "delete", "--yes")
    assert gone.returncode == 0, gone.stderr
    _wait_until_gone(cluster)
    assert not watch.seen(cluster.spec)
