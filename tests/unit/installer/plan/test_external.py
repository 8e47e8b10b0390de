"""Somebody else's registry: tried on every host before anything changes, then the only place for images."""

import tomllib
from dataclasses import replace

import pytest

from bundler.core.errors import Problems
from bundler.installer.facts.observed import UnitState
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.steps import Deliver, Exec, Plan, Write
from bundler.installer.site.clusterfile.read import read
from bundler.installer.site.model import ExternalRegistry, Secret, Site
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_decide import behind

OURS = ExternalRegistry("harbor.shop", 8443, "robot", Secret("hunter2"), "site")
PLAIN = ExternalRegistry("harbor.shop")


def site(external: ExternalRegistry = OURS) -> Site:
    return replace(kit.site(), external=external)


def reaches(made: Plan) -> list[Exec]:
    return [step for step in made.steps if isinstance(step, Exec) and "/reach-" in step.id]


def test_every_host_is_tried_before_any_is_changed() -> None:
    made = kit.plan(site())
    tries = reaches(made)
    assert {step.host for step in tries} == {kit.CONTROL_PLANE, kit.WORKER}
    names = {step.id for step in tries}
    for step in made.steps:
        if step.id not in names and "/gate-" not in step.id:
            assert names <= behind(made, step.id), step.id
    assert all("image=harbor.shop:8443/site/registry.k8s.io/pause:3.10.1\n" in step.script for step in tries)
    assert all(step.secret for step in tries)


def test_images_come_from_there_and_from_nowhere_else() -> None:
    made = kit.steps(kit.plan(site()))
    mirror = made[f"runtime/{kit.WORKER}/mirror-quay.io"]
    assert isinstance(mirror, Write)
    assert mirror.secret
    found = tomllib.loads(mirror.content)
    assert list(found["host"]) == ["https://harbor.shop:8443/v2/site/quay.io"]
    assert found["server"] == "https://harbor.shop:8443/v2/site/quay.io"
    assert "ca" not in found
    assert found["header"]["Authorization"].startswith("Basic ")
    assert f"runtime/{kit.WORKER}/mirror-harbor.shop:8443" in made


def test_no_host_has_a_registry_of_ours() -> None:
    made = kit.plan(site(PLAIN))
    assert not [step.id for step in made.steps if "bundler-registry" in str(getattr(step, "script", ""))]
    paths = [file.path for step in made.steps if isinstance(step, Deliver) for file in step.files]
    assert not [path for path in paths if "/registry/" in path]
    assert "registry/10.0.0.2/secrets" in kit.steps(made)  # the keys that a later run has to find
    prepare = kit.steps(made)[f"host/{kit.WORKER}/prepare"]
    assert isinstance(prepare, Exec)
    assert "registry.internal" not in prepare.stdin


def test_another_registry_is_tried_anew_and_the_same_one_is_not() -> None:
    found = kit.done_all(kit.plan(site()), kit.facts(kit.site()))
    assert kit.plan(site(), found).steps == ()
    other = kit.plan(site(replace(OURS, domain="other.shop")), found)
    assert len(reaches(other)) == 2
    mirrors = [step for step in other.steps if "/mirror-" in step.id]
    assert mirrors
    assert all({each.id for each in reaches(other)} <= behind(other, step.id) for step in mirrors)


FILE = """\
apiVersion: bundler/v1
kind: Cluster
spec:
  registry: {externalRegistry: {domain: harbor.shop, port: 8443, username: r, password: hunter2, prefix: s}}
  hosts:
  - {ips: [10.0.0.2], roles: [control-plane]}
"""


def test_the_clusterfile() -> None:
    found = read(FILE, "site.yaml").external
    assert found == replace(OURS, username="r", prefix="s")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("domain: harbor.shop, ", ""),
        (", password: hunter2", ""),
        ("prefix: s", "prefix: ../x"),
        ("registry: {", "registry: {localRegistry: {port: 1}, "),
        ("prefix:", "prefx:"),
    ],
)
def test_faults(old: str, new: str) -> None:
    with pytest.raises(Problems) as caught:
        read(FILE.replace(old, new), "site.yaml")
    assert [each.location.line for each in caught.value.problems] == [4]
    assert "hunter2" not in str(caught.value)


def test_45_a_running_cluster_is_switched_only_after_a_pull_from_every_node() -> None:
    """Also where the switch comes with what disturbs hosts, which are changed one after the other."""
    of = kit.site(3)
    found = kit.facts(of)
    found = kit.done_all(kit.plan(of, found), found)
    for host in of.hosts:  # somebody has stopped every runtime
        stopped = {"containerd.service": UnitState(enabled=True, active=False)}
        seen = found.hosts[host.address].site
        assert seen is not None
        found = kit.changed(found, host.address, units={**seen.units, **stopped})
    made = kit.plan(replace(of, external=PLAIN), found)
    assert made.decision is not None
    assert made.decision.stage is not None
    tried = {step.subject for step in made.decision.stage.verbs(Verb.CHECK_PULL)}
    assert tried == {host.address for host in of.hosts}
    assert made.decision.held  # not every worker at once
    names = {step.id for step in reaches(made)}
    assert len(names) == len(of.hosts)
    for step in made.steps:
        if step.id not in names and "/gate-" not in step.id:
            assert names <= behind(made, step.id), step.id
