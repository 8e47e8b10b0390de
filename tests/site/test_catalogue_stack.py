"""Kubernetes and blocks of the catalogue as one bundle, made by their names, and one command on site."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import blocks, lifecycle, product, watch
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("stack", kind="cluster")]
_NAMES = ("kubernetes-source", "local-path", "prometheus", "postgresql-patroni", "metrics-server")
_FILE = "--clusterfile site.yaml"


@dataclass(frozen=True, slots=True)
class Stack:
    """A site that one bundle brought up."""

    spec: SiteSpec
    run_file: str

    def kubectl(self, arguments: str) -> str:
        """Raises BundlerError (STEP)."""
        return product.kubectl(self.spec, arguments)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """BUNDLER_STACK names a bundle that was made already."""
    made = os.environ.get("BUNDLER_STACK")
    run_file = Path(made) if made else tmp_path_factory.mktemp("stack") / "stack.run"
    if not made:
        product.make_of(run_file, *_NAMES, quiet=True)
    spec = SiteSpec("stack", IPv4Network("10.79.223.0/24"), 3)
    lifecycle.up(spec, lambda _: None)
    try:
        product.carry(spec, run_file)
        done = product.run(spec, _FILE, name=run_file.name, timeout=1500)
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
        yield Stack(spec, run_file.name)
    finally:
        lifecycle.down(spec.name, lambda _: None)


def test_metrics_server_tells_what_every_node_uses(stack: Stack) -> None:
    blocks.metrics_server_tells_what_every_node_uses(stack)


def test_prometheus_hears_every_node(stack: Stack) -> None:
    blocks.prometheus_hears_every_node(stack)


def test_postgresql_keeps_a_row_when_its_primary_dies(stack: Stack) -> None:
    blocks.postgresql_keeps_a_row_when_its_primary_dies(stack)


def test_a_second_run_has_nothing_to_do_and_nothing_left_the_site(stack: Stack) -> None:
    again = product.run(stack.spec, _FILE, name=stack.run_file)
    assert "nothing to do" in again.stdout + again.stderr
    assert not watch.seen(stack.spec, watch.CLUSTER_NETWORKS)
