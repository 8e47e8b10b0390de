"""Maintenance: whose cordon is set and lifted, what is refused, what switching a host off would cost."""

import os
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts import observe
from bundler.installer.facts.api import ApiObservation, Cordon, Node
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present
from bundler.installer.plan import maintenance
from bundler.installer.scripts import render as templates
from tests.unit.installer.plan import golden_text, kit

OF = kit.site(2, control_planes=1)
PLANE, WORKER, OTHER = (host.address for host in OF.hosts)
NO_PODS = frozenset({"node-role.kubernetes.io/control-plane:NoSchedule"})


def facts(cordon: Cordon = Cordon.NONE, *, other_ready: bool = True, voters: int = 1) -> Facts:
    found = kit.facts(OF)
    names = {address: host.hostname for address, host in found.hosts.items()}
    nodes = (
        Node(names[PLANE], PLANE, control_plane=True, taints=NO_PODS),
        Node(names[WORKER], WORKER, cordon=cordon),
        Node(names[OTHER], OTHER, ready=other_ready),
    )
    api = Present(ApiObservation("uid", nodes=nodes))
    members = (
        Member("1", names[PLANE], PLANE),
        *(Member(str(n), f"m{n}", f"10.9.0.{n}") for n in range(2, voters + 1)),
    )
    hosts = {**found.hosts, PLANE: replace(found.hosts[PLANE], api=api)}
    return Facts(hosts, 0.0, api=api, etcd=Present(EtcdObservation("c", members)))


def test_a_node_is_kept_away_before_it_is_drained() -> None:
    plan = maintenance.away(OF, facts(), WORKER, limit=60)
    golden_text.check("maintenance", plan)
    assert all(step.host == PLANE for step in plan.steps)
    assert all(later.after == (earlier.id,) for earlier, later in pairwise(plan.steps))
    assert plan.warnings == ()


def test_the_last_node_that_takes_pods_is_not_emptied() -> None:
    with pytest.raises(BundlerError, match="nothing can run elsewhere") as caught:
        maintenance.away(OF, facts(other_ready=False), WORKER, limit=60)
    assert caught.value.code is ExitCode.REFUSED


@pytest.mark.parametrize(("voters", "stops"), [(1, True), (2, True), (3, False)])
def test_what_a_control_plane_costs_is_said(voters: int, *, stops: bool) -> None:
    plan = maintenance.away(OF, facts(voters=voters), PLANE, limit=60)
    assert any("the API stops" in warning for warning in plan.warnings) is stops


@pytest.mark.parametrize(
    ("cordon", "steps", "said"),
    [
        (Cordon.MAINTENANCE, 1, ""),
        (Cordon.OURS, 1, ""),
        (Cordon.PERSON, 0, "a person did that"),
        (Cordon.NONE, 0, "takes pods already"),
    ],
)
def test_only_our_own_cordon_is_lifted(cordon: Cordon, steps: int, said: str) -> None:
    plan = maintenance.back(OF, facts(cordon), WORKER)
    assert len(plan.steps) == steps
    assert said in " ".join(plan.warnings)


def test_strangers_and_a_silent_api() -> None:
    with pytest.raises(BundlerError, match="no host of this site") as caught:
        maintenance.away(OF, facts(), "10.8.8.8", limit=60)
    assert caught.value.code is ExitCode.NOT_FOUND
    with pytest.raises(BundlerError, match="the API answers on no control plane") as caught:
        maintenance.away(OF, kit.facts(OF), WORKER, limit=60)
    assert caught.value.code is ExitCode.DOWN


@pytest.mark.parametrize(
    ("marks", "cordon"),
    [
        ("\t<no value>", Cordon.NONE),
        ("cordoned\t<no value>", Cordon.PERSON),
        ("cordoned\tmaintenance", Cordon.MAINTENANCE),
        ("cordoned\tleave", Cordon.OURS),
    ],
)
def test_a_maintenance_is_seen_as_one(marks: str, cordon: Cordon) -> None:
    assert observe._node(f"node\tn1\t10.0.0.3 \t\t\tTrue\tv1.37.2\tid\t{marks}").cordon is cordon


KUBECTL = r"""#!/bin/sh
case "$*" in
*"get node"*) echo "$FOUND" ;;
*) echo "$*" | sed 's/.*kubectl //' >>"$CALLS" ;;
esac
"""


def said_to_the_api(tmp_path: Path, script: str, found: str) -> str:
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    text = templates.script("kubectl.sh", script, node="n1").replace(
        "/usr/local/bin/kubectl", str(tmp_path / "kubectl")
    )
    calls = tmp_path / "calls"
    calls.write_text("")
    done = subprocess.run(
        ["sh", "-c", text], env={**os.environ, "CALLS": str(calls), "FOUND": found}, check=False
    )
    assert done.returncode == 0
    return calls.read_text()


@pytest.mark.parametrize(
    ("script", "found", "cordons", "lifts"),
    [
        ("maintenance.sh", " ", True, False),
        ("maintenance.sh", "cordoned leave", True, False),
        ("maintenance.sh", "cordoned ", False, False),
        ("maintenance-done.sh", "maintenance", False, True),
        ("maintenance-done.sh", "", False, False),
        ("uncordon.sh", "leave", False, True),
        ("uncordon.sh", "maintenance", False, False),
        ("uncordon.sh", "<no value>", False, False),
    ],
)
def test_whose_cordon_the_scripts_touch(
    tmp_path: Path, script: str, found: str, *, cordons: bool, lifts: bool
) -> None:
    calls = said_to_the_api(tmp_path, script, found)
    assert ("bundler/cordoned=maintenance" in calls) is cordons
    assert ("uncordon n1" in calls) is lifts
