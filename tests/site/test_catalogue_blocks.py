"""Blocks of the catalogue, as app bundles on three machines: each is well, what it keeps outlives a pod."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.site import blocks, lifecycle, product, watch
from tests.site.appcluster import AppCluster, app_cluster
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("blocks", kind="cluster")]
_PLATFORM = ("kubernetes-source", "local-path")
_BLOCKS = (("nginx", "prometheus", "postgresql-patroni", "metrics-server"), ("rabbitmq", "kafka-kraft"))
# Of pods and Services: a machine that starts sends to them before kube-proxy has its rules.
_INSIDE = (IPv4Network("100.64.0.0/10"), IPv4Network("10.96.0.0/16"))


def _made(folder: Path, names: tuple[str, ...]) -> Path:
    """BUNDLER_BLOCKS names a folder with bundles that were made already: FIRST-NAME.run."""
    name = f"{names[0]}.run"
    if there := os.environ.get("BUNDLER_BLOCKS"):
        return Path(there) / name
    product.make_of(folder / name, *names, quiet=True)
    return folder / name


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppCluster]:
    folder = tmp_path_factory.mktemp("blocks")
    platform, *apps = (_made(folder, names) for names in (_PLATFORM, *_BLOCKS))
    spec = SiteSpec("blocks", IPv4Network("10.79.216.0/24"), 3)
    lifecycle.up(spec, lambda _: None)
    try:
        product.carry(spec, platform)
        done = product.run(spec, "--clusterfile site.yaml", name=platform.name)
        assert done.returncode == 0, done.stderr[-3000:]
        with app_cluster(spec, platform, folder) as cluster:
            # What a cluster's owner does for an app that asks for more than `baseline`.
            cluster.kubectl("create namespace monitoring")
            cluster.kubectl("label namespace monitoring pod-security.kubernetes.io/enforce=privileged")
            for app in apps:
                applied = cluster.apply(app)
                assert applied.returncode == 0, applied.stderr[-3000:]
            yield cluster
        assert not watch.seen(spec, _INSIDE)
    finally:
        lifecycle.down(spec.name, lambda _: None)


def test_nginx_answers(cluster: AppCluster) -> None:
    blocks.nginx_answers(cluster)


def test_metrics_server_tells_what_every_node_uses(cluster: AppCluster) -> None:
    blocks.metrics_server_tells_what_every_node_uses(cluster)


def test_prometheus_hears_every_node(cluster: AppCluster) -> None:
    blocks.prometheus_hears_every_node(cluster)


def test_postgresql_keeps_a_row_when_its_primary_dies(cluster: AppCluster) -> None:
    blocks.postgresql_keeps_a_row_when_its_primary_dies(cluster)


def test_rabbitmq_keeps_a_message_when_a_member_dies(cluster: AppCluster) -> None:
    blocks.rabbitmq_keeps_a_message_when_a_member_dies(cluster)


def test_kafka_keeps_a_record_when_a_member_dies(cluster: AppCluster) -> None:
    blocks.kafka_keeps_a_record_when_a_member_dies(cluster)
