"""A registry that was off while the site went on: nobody is led to it before it has caught up."""

import tomllib
from dataclasses import replace

import pytest

from bundler.core.index import Index
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Unknown
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import concrete, prepare
from bundler.installer.plan.steps import Plan, Write
from bundler.installer.site.model import Site
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_decide import behind

SITE = kit.site(1, control_planes=3)
AWAY, WORKER = "10.0.0.4", "10.0.0.5"
OLD = kit.index(packages=kit.BALANCED)
NEW = kit.index(packages=kit.BALANCED, images=(*kit.IMAGES, "docker.io/a/c:2"))


def ask(of: Site, found: Facts, bundle: Index, consents: Consents | None = None) -> Plan:
    prepared = prepare(
        of,
        found,
        Contents(bundle, kit.files_of(bundle)),
        kit.of_site(kit.SECRETS, of),
        operation=Operation(consents=consents or Consents()),
    )
    decision = decide(prepared.desired, prepared.observed, prepared.operation)
    assert isinstance(decision, Decided), decision
    return concrete(prepared, decision)


def done(of: Site, found: Facts, bundle: Index, consents: Consents | None = None) -> Facts:
    """The facts once nothing is left to do."""
    for _ in range(20):
        made = ask(of, found, bundle, consents)
        if not made.steps:
            return found
        found = kit.done_all(made, found)
    pytest.fail("it never comes to rest")


def without(found: Facts) -> Facts:
    """One control plane is off."""
    hosts = {address: host for address, host in found.hosts.items() if address != AWAY}
    return replace(found, hosts=hosts, silent={AWAY: Unknown("no answer")})


def lists(made: Plan, host: str) -> list[Write]:
    return [s for s in made.steps if isinstance(s, Write) and s.host == host and "/certs.d/" in s.path]


@pytest.fixture(scope="module")
def away() -> Facts:
    """The site went on to a bundle with an image more while one control plane was off."""
    running = kit.settled(SITE, done(SITE, kit.facts(SITE), OLD))
    return done(SITE, without(running), NEW, Consents(without=frozenset({AWAY})))


def test_while_it_is_off_no_node_is_led_to_it() -> None:
    running = kit.settled(SITE, done(SITE, kit.facts(SITE), OLD))
    made = ask(SITE, without(running), NEW, Consents(without=frozenset({AWAY})))
    for host in ("10.0.0.2", "10.0.0.3", WORKER):
        written = lists(made, host)
        assert written
        for file in written:
            asked = tomllib.loads(file.content)["host"]
            assert asked
            assert not any(AWAY in url for url in asked)


def test_when_it_is_back_a_node_is_led_to_it_behind_its_last_image(away: Facts) -> None:
    running = kit.settled(SITE, done(SITE, kit.facts(SITE), OLD))
    back = replace(away, hosts={**away.hosts, AWAY: running.hosts[AWAY]}, silent={})
    made = ask(SITE, kit.settled(SITE, back), NEW)
    written = lists(made, WORKER)
    assert written
    for file in written:
        assert any(AWAY in url for url in tomllib.loads(file.content)["host"])
        assert f"registry/{AWAY}/app-images" in behind(made, file.id)


def test_a_host_that_is_no_node_yet_waits_for_no_other_registry() -> None:
    made = kit.plan(SITE, kit.facts(SITE), OLD)
    for file in lists(made, WORKER):
        assert not any(name.startswith("registry/") for name in behind(made, file.id))
