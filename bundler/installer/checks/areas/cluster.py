"""A cluster that is there: API, nodes, etcd."""

from collections.abc import Iterator
from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, above, always, most
from bundler.installer.checks.model import Area, Check, Fault, Looked, Scene, listed
from bundler.installer.facts.api import ApiObservation, Cordon
from bundler.installer.facts.etcd import EtcdObservation
from bundler.installer.facts.seen import value_of


def _api(scene: Scene) -> ApiObservation | None:
    return value_of(scene.facts.api)


def _answers(scene: Scene) -> Looked:
    planes = [host for host in scene.facts.hosts.values() if host.admin_config]
    down = [host.address for host in planes if value_of(host.api) is None]
    return Looked(tuple(Fault(a, "no answer", hosts=(a,)) for a in down), len(planes))


def _of_api(scene: Scene, faults: Iterator[Fault]) -> Looked:
    api = _api(scene)
    return Looked(tuple(faults), len(api.nodes)) if api else Looked()


def _ready(scene: Scene) -> Looked:
    api = _api(scene)
    rows = api.nodes if api else ()
    return _of_api(
        scene, (Fault(n.address or n.name, "not Ready", hosts=(n.address,)) for n in rows if not n.ready)
    )


def _cordoned(scene: Scene) -> Looked:
    api = _api(scene)
    rows = (n for n in (api.nodes if api else ()) if n.cordon is not Cordon.NONE)
    return _of_api(
        scene, (Fault(n.address or n.name, f"by {n.cordon.value}", hosts=(n.address,)) for n in rows)
    )


def _versions(scene: Scene) -> Looked:
    api = _api(scene)
    versions = sorted({node.version for node in (api.nodes if api else ()) if node.version})
    faults = [Fault(scene.site.name, listed(versions))] if len(versions) > 1 else []
    return _of_api(scene, iter(faults))


def _strangers(scene: Scene) -> Looked:
    api = _api(scene)
    known = {host.address for host in scene.site.hosts}
    rows = (n for n in (api.nodes if api else ()) if n.address and n.address not in known)
    return _of_api(scene, (Fault(n.address, n.name, hosts=(n.address,)) for n in rows))


def _etcd(scene: Scene) -> EtcdObservation | None:
    return value_of(scene.facts.etcd)


def _members(scene: Scene) -> Looked:
    etcd = _etcd(scene)
    rows = etcd.members if etcd else ()
    sick = (m for m in rows if not m.healthy or not m.started)
    return Looked(tuple(Fault(m.address, "not healthy", hosts=(m.address,)) for m in sick), len(rows))


def _database(scene: Scene) -> Looked:
    etcd = _etcd(scene)
    rows = etcd.members if etcd else ()
    faults = []
    for member in rows:
        used = 100 * member.db_size / max(member.quota, 1)
        if text := above(used, scene.limits.etcd_used, f"{used:.0f}%"):
            faults.append(Fault(member.address, text, hosts=(member.address,)))
    return Looked(tuple(faults), len(rows))


def _alarms(scene: Scene) -> Looked:
    etcd = _etcd(scene)
    rows = etcd.members if etcd else ()
    faults = (Fault(m.address, listed(m.alarms), hosts=(m.address,)) for m in rows if m.alarms)
    return Looked(tuple(faults), len(rows))


_A: Final = Area.CLUSTER

CHECKS: Final = (
    Check(
        "api-down",
        _A,
        ERROR,
        "every API server answers",
        "the others carry its load, or the cluster can't be changed",
        "./product.run exec --on ADDRESS -- crictl ps -a",
        _answers,
        always("answers"),
    ),
    Check(
        "node-ready",
        _A,
        ERROR,
        "every node is Ready",
        "its pods are moved away",
        "./product.run kubectl -- describe node NAME",
        _ready,
        always("Ready"),
    ),
    Check(
        "node-cordoned",
        _A,
        NOTE,
        "no node is kept free of pods",
        "the others carry its load",
        "./product.run kubectl -- uncordon NAME",
        _cordoned,
        always("none"),
    ),
    Check(
        "node-versions",
        _A,
        WARNING,
        "all nodes run one version",
        "an upgrade was broken off",
        "./product.run -f site.yaml goes on with it",
        _versions,
        always("one"),
    ),
    Check(
        "node-stranger",
        _A,
        NOTE,
        "every node is in the Clusterfile",
        "it is neither upgraded nor are its certificates renewed",
        "add it to the Clusterfile, or remove it with --prune",
        _strangers,
        always("listed"),
    ),
    Check(
        "etcd-member",
        _A,
        ERROR,
        "every member of etcd is healthy",
        "one failure more may stop the cluster",
        "./product.run exec --on ADDRESS -- crictl logs ETCD",
        _members,
        always("healthy"),
    ),
    Check(
        "etcd-size",
        _A,
        WARNING,
        "etcd's database has room",
        "at 100% the cluster takes no more changes",
        "look for what writes so much; etcdctl defrag",
        _database,
        most("etcd_used"),
    ),
    Check(
        "etcd-alarm",
        _A,
        ERROR,
        "etcd raises no alarm",
        "the cluster takes no more changes",
        "etcdctl compact, defrag, alarm disarm",
        _alarms,
        always("none"),
    ),
)
