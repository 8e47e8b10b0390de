"""Another way to the API: certificates gain its name, and what the old way needed goes last."""

from dataclasses import replace

import pytest

from bundler.installer.facts.observed import Certificate, HostObservation, UnitState
from bundler.installer.plan import paths
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.endpoint_left import left_steps
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.pieces import piece_of
from bundler.installer.site.expected import UnitGone
from bundler.installer.site.model import ExternalEndpoint, LocalEndpoint, VirtualEndpoint
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_rollout import FLAGS, changed, decided, found, site

RUNS = UnitState(enabled=True, active=True)
Way = LocalEndpoint | VirtualEndpoint | ExternalEndpoint


def context(way: Way, units: dict[str, str]) -> Context:
    """units: one of ours by the host's address."""
    of, bundle = replace(kit.site(1), endpoint=way), kit.index(packages=kit.BALANCED)
    facts = kit.facts(of)
    hosts = {
        address: replace(
            each,
            site=HostObservation(address, address, units={units[address]: RUNS} if address in units else {}),
        )
        for address, each in facts.hosts.items()
    }
    facts = replace(facts, hosts=hosts)
    return context_of(of, facts, Contents(bundle, kit.files_of(bundle), ()), kit.SECRETS)


@pytest.mark.parametrize(
    ("way", "units", "gone"),
    [
        (LocalEndpoint(), {kit.WORKER: paths.ENDPOINT_UNIT}, []),
        (ExternalEndpoint("10.0.0.9"), {kit.WORKER: paths.ENDPOINT_UNIT}, [kit.WORKER]),
        (VirtualEndpoint("10.0.0.9"), {kit.CONTROL_PLANE: paths.VIP_UNIT}, []),
        (LocalEndpoint(), {kit.CONTROL_PLANE: paths.VIP_UNIT}, [kit.CONTROL_PLANE]),
    ],
)
def test_what_the_old_way_needed_goes_once_names_lead_the_new_one(
    way: Way, units: dict[str, str], gone: list[str]
) -> None:
    steps = left_steps(context(way, units))
    assert [step.host for step in steps] == gone
    for step in steps:
        assert piece_of(step).expected == UnitGone(units[step.host])
        assert Ids(kit.WORKER).endpoint in step.after


def test_a_new_name_of_the_api_comes_with_a_new_certificate() -> None:
    of = site(ClusterConfiguration={"apiServer": {"certSANs": ["api.berlin.example", "10.0.0.9"]}})
    facts = found(of, FLAGS)
    mine = facts.hosts[kit.CONTROL_PLANE]
    assert mine.site is not None
    year = 365 * 86400.0
    leaf = Certificate("apiserver", 0.0, 1000.0 + year, frozenset({"10.0.0.9"}))
    lacks = replace(mine, site=replace(mine.site, certificates=(leaf,)))
    prepared, decision = decided(of, replace(facts, hosts={**facts.hosts, mine.address: lacks}))
    deeds = [step for step in decision.steps if step.verb is Verb.EXTEND_NAMES]
    assert [deed.host for deed in deeds] == [kit.CONTROL_PLANE]
    assert "api.berlin.example" in str(deeds[0].because)
    steps = changed(prepared, decision, deeds)
    assert steps[0].id == "control-plane/10.0.0.2/names-certs"
    assert "names=yes" in steps[0].script  # type: ignore[union-attr]  # an Exec
    has = replace(leaf, names=frozenset({"10.0.0.9", "api.berlin.example"}))
    hosts = {**facts.hosts, mine.address: replace(mine, site=replace(mine.site, certificates=(has,)))}
    _, after = decided(of, replace(facts, hosts=hosts))
    assert not [step for step in after.steps if step.verb is Verb.EXTEND_NAMES]
