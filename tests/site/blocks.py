"""What each block of the catalogue is held to on machines: it is well, and what it keeps outlives a pod."""

import json
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

from bundler.core.errors import BundlerError
from tests.site.spec import SiteSpec

_LIMIT = 150.0  # seconds for a block to be well again


class Cluster(Protocol):
    """A cluster with blocks on it, however they came there."""

    @property
    def spec(self) -> SiteSpec:
        """Its machines."""

    def kubectl(self, arguments: str) -> str:
        """Raises BundlerError (STEP)."""


def _wait(what: str, holds: Callable[[], bool], limit: float = _LIMIT) -> None:
    end = time.monotonic() + limit
    while not _holds(holds):
        assert time.monotonic() < end, f"{what}: not within {limit:.0f} s"
        time.sleep(2)


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (BundlerError, ValueError):
        return False


def _asked(cluster: Cluster, service: str, path: str, namespace: str = "default") -> str:
    """What a Service answers, by way of the API server."""
    return cluster.kubectl(f"get --raw '/api/v1/namespaces/{namespace}/services/{service}/proxy{path}'")


def _secret(cluster: Cluster, name: str, key: str) -> str:
    return b64decode(cluster.kubectl(f"get secret {name} -o jsonpath='{{.data.{key}}}'")).decode()


def _lose(cluster: Cluster, pod: str) -> None:
    """End a pod as a crash would."""
    cluster.kubectl(f"delete pod {pod} --grace-period=0 --force")


def _ready(cluster: Cluster, what: str, count: int) -> bool:
    return cluster.kubectl(f"get {what} -o jsonpath='{{.status.readyReplicas}}'") == str(count)


def nginx_answers(cluster: Cluster) -> None:
    """The page of the chart."""
    assert _ready(cluster, "deployment nginx", 2)
    assert "nginx answers." in _asked(cluster, "nginx:80", "/")


def metrics_server_tells_what_every_node_uses(cluster: Cluster) -> None:
    """By way of `kubectl top`."""

    def listed() -> bool:
        lines = cluster.kubectl("top nodes --no-headers").splitlines()
        return {line.split()[0] for line in lines} == {each.name for each in cluster.spec.machines}

    _wait("kubectl top nodes", listed)
    assert "metrics-server" in cluster.kubectl("top pods -A --no-headers")


def prometheus_hears_every_node(cluster: Cluster) -> None:
    """Three targets a node, and what node_exporter reads there."""

    def heard(query: str) -> int:
        path = f"/api/v1/query?query={quote(query)}"
        answer = json.loads(_asked(cluster, "prometheus:9090", path, "monitoring"))
        return int(answer["data"]["result"][0]["value"][1]) if answer["data"]["result"] else 0

    def every_node_is_up() -> bool:
        jobs = ("nodes", "kubelets", "containers")
        return {heard(f'count(up{{job="{job}"}} == 1)') for job in jobs} == {len(cluster.spec.machines)}

    _wait("targets on every node", every_node_is_up)
    assert heard("count(node_memory_MemTotal_bytes)") == len(cluster.spec.machines)


def postgresql_keeps_a_row_when_its_primary_dies(cluster: Cluster) -> None:
    """Patroni makes another member the primary."""
    secret = _secret(cluster, "postgresql", "superuser")

    def sql(statement: str, member: int) -> str:
        there = f"exec postgresql-{member} -- env PGPASSWORD={secret} /usr/lib/postgresql/15/bin/psql"
        return cluster.kubectl(f'{there} -h postgresql -U postgres -qAtc "{statement}"').strip()

    assert _ready(cluster, "statefulset postgresql", 3)
    _wait("a row", lambda: sql("CREATE TABLE t AS SELECT 7 AS kept; SELECT kept FROM t", 0) == "7")
    leader = cluster.kubectl("get pods -l role=master -o name").strip().removeprefix("pod/")
    other = next(n for n in range(3) if leader != f"postgresql-{n}")
    _lose(cluster, leader)
    _wait("the row, and another", lambda: sql("INSERT INTO t VALUES (8) RETURNING kept", other) == "8")
    assert "7" in sql("SELECT kept FROM t", other).split()
    _wait("three members", lambda: _ready(cluster, "statefulset postgresql", 3))


def rabbitmq_keeps_a_message_when_a_member_dies(cluster: Cluster) -> None:
    """In a quorum queue."""
    secret = _secret(cluster, "rabbitmq", "password")

    def post(path: str, body: object, member: int) -> str:
        address = f"http://app:{secret}@127.0.0.1:15672/api{path}"
        send = "wget -qO- --header 'Content-Type: application/json' --post-data"
        return cluster.kubectl(f"exec rabbitmq-{member} -- {send} '{json.dumps(body)}' '{address}'")

    assert _ready(cluster, "statefulset rabbitmq", 3)
    assert cluster.kubectl("exec rabbitmq-1 -- rabbitmqctl -q cluster_status").count("status: not under") == 3
    queue = {"name": "kept", "vhost": "/", "durable": True, "auto_delete": False}
    post("/definitions", {"queues": [{**queue, "arguments": {"x-queue-type": "quorum"}}]}, 0)
    letter = {"properties": {"delivery_mode": 2}, "routing_key": "kept", "payload": "7"}
    sent = post("/exchanges/%2F/amq.default/publish", {**letter, "payload_encoding": "string"}, 0)
    assert json.loads(sent) == {"routed": True}
    _lose(cluster, "rabbitmq-0")
    take = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    _wait("the message", lambda: json.loads(post("/queues/%2F/kept/get", take, 1))[0]["payload"] == "7")
    _wait("three members", lambda: _ready(cluster, "statefulset rabbitmq", 3))


def kafka_keeps_a_record_when_a_member_dies(cluster: Cluster) -> None:
    """Of a topic with three replicas."""
    run = "sh /scripts/kafka.sh"

    def tool(words: str, member: int) -> str:
        return cluster.kubectl(f"exec kafka-{member} -- sh -c '{words}'").strip()

    assert _ready(cluster, "statefulset kafka", 3)
    tool(f"{run} topics --create --topic kept --partitions 3", 0)
    assert "ReplicationFactor: 3" in tool(f"{run} topics --describe --topic kept", 1)
    tool(f"echo 7 | {run} produce --topic kept", 0)
    _lose(cluster, "kafka-0")
    read = f"{run} consume --topic kept --from-beginning --max-messages 1 --timeout-ms 60000"
    _wait("the record", lambda: tool(read, 1) == "7")
    _wait("three members", lambda: _ready(cluster, "statefulset kafka", 3))
    assert "LeaderId:" in tool(f"{run} quorum describe --status", 0)
