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

from tests.site import lifecycle, product, watch
from tests.site.appcluster import AppCluster, app_cluster
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("app-bundle", kind="cluster")]
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

    onto: AppCluster

    @property
    def spec(self) -> SiteSpec:
        return self.onto.spec

    @property
    def registry(self) -> str:
        return self.onto.registry

    def call(self, version: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.onto.call(self._run_file(version), command, *options)

    def apply(self, version: str) -> subprocess.CompletedProcess[str]:
        return self.onto.apply(self._run_file(version))

    def _run_file(self, version: str) -> Path:
        return self.onto.folder / f"pages-{version}.run"

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
        with app_cluster(spec, platform, tmp_path) as onto:
            yield Cluster(onto)
    finally:
        lifecycle.down(spec.name, lambda _: None)


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
    assert not watch.seen(cluster.spec, watch.CLUSTER_NETWORKS)
