"""Situations 42 to 47: changing settings."""

from dataclasses import replace

import pytest

from bundler.installer.facts.seen import Present
from bundler.installer.plan.cluster.steps import Cause, Verb
from bundler.installer.site.desired import AppAim, Endpoint, EndpointKind, RegistryAim
from tests.fakes.site.access import Access
from tests.fakes.site.recipe import BLOBS, FIXED, HOSTS_TOML, cp, with_pieces, worker
from tests.unit.installer.plan.decisions.kit import (
    built,
    done,
    found,
    hosts,
    nothing,
    of,
    plan,
    refusal,
    rules,
    wanted,
)


@pytest.mark.parametrize("key", sorted(FIXED))
@pytest.mark.parametrize("controls", [1, 3])
def test_42_settings_for_life_are_refused_with_what_they_would_take(key: str, controls: int) -> None:
    site = built(wanted(controls, 1))
    aim = wanted(controls, 1, fixed={**FIXED, key: "another"})
    (refused,) = refusal(site, aim).refusals
    assert refused.rule == "BND-FIXED-SETTING"
    assert FIXED[key] in refused.what
    assert "new cluster" in refused.fix


@pytest.mark.parametrize("component", ["kube-apiserver", "kubelet"])
def test_43_a_setting_is_rolled_out_host_by_host(component: str) -> None:
    site = built(wanted(3, 2))
    plain = wanted(3, 2)
    aim = wanted(3, 2, settings={**plain.settings, component: {"new": "1"}})
    made = plan(site, aim)
    touched = {cp(1), cp(2), cp(3)} | ({worker(1), worker(2)} if component == "kubelet" else set())
    assert hosts(of(made, Verb.SETTINGS)) == touched
    stages = [stage for stage in (made.stage, *made.forecast) if stage]
    for stage in stages:
        assert len([step for step in stage.verbs(Verb.SETTINGS) if step.host.startswith("10.0.0.1")]) <= 1
        assert len([step for step in stage.verbs(Verb.SETTINGS) if step.host.startswith("10.0.0.2")]) <= 1
    assert stages[0].steps[0].verb is Verb.STORE_CONFIG
    done(site, aim)


def test_43_a_wider_window_takes_more_workers_at_once() -> None:
    plain = wanted(1, 4)
    aim = replace(plain, settings={**plain.settings, "kubelet": {"maxPods": "9"}}, windows={"workers": 2})
    made = plan(built(plain), aim)
    assert made.stage is not None
    assert len(hosts(step for step in made.stage.verbs(Verb.SETTINGS) if step.host != cp(1))) == 2


def test_43_a_worker_that_is_down_already_counts() -> None:
    plain = wanted(1, 3)
    site = built(plain)
    site.power(worker(1), on=False)
    aim = replace(plain, settings={"kubelet": {"maxPods": "9"}})
    assert rules(site, aim, max_failed=1) in ({"BND-NOTHING-FITS"}, set())
    made = plan(site, replace(aim, windows={"workers": 2}), max_failed=1)
    assert worker(1) not in hosts(list(made.steps))


def test_44_the_endpoint_changes_certificates_first() -> None:
    plain = wanted(3, 1)
    site = built(plain)
    vip = replace(
        plain, endpoint=Endpoint(EndpointKind.VIP, "10.0.0.100"), names=plain.names | {"10.0.0.100"}
    )
    made = plan(site, vip)
    order = [step.verb for step in made.steps if step.verb in {Verb.EXTEND_NAMES, Verb.SWITCH_ENDPOINT}]
    assert order == [Verb.EXTEND_NAMES] * 3 + [Verb.SWITCH_ENDPOINT] * 4
    done(site, vip)


def test_44_an_address_that_answers_and_is_nobodys_is_refused() -> None:
    plain = wanted(1, 1)
    site = built(plain)
    site.answering.add("10.0.0.100")
    vip = replace(plain, endpoint=Endpoint(EndpointKind.VIP, "10.0.0.100"))
    assert rules(site, vip) == {"BND-ENDPOINT-TAKEN"}
    site.machines[cp(1)].addresses = frozenset({"10.0.0.100"})
    assert not rules(site, vip)


def test_45_an_external_registry_is_tried_by_all_before_any_node_is_switched() -> None:
    plain = wanted(1, 2)
    site = built(plain)
    aim = replace(plain, registry=RegistryAim("hub.example:5000", frozenset(BLOBS)))
    aim = with_pieces(aim, registry="hub.example:5000")
    assert rules(site, aim) == {"BND-REGISTRY-INCOMPLETE"}
    site.external = Present(frozenset(BLOBS[:2]))
    (refused,) = refusal(site, aim).refusals
    assert BLOBS[2] in refused.why
    site.external = Present(frozenset(BLOBS))
    site.machines[worker(2)].pulls = False
    assert worker(2) in refusal(site, aim).refusals[0].why
    site.machines[worker(2)].pulls = True
    made = plan(site, aim)
    trials = {step.key for step in of(made, Verb.CHECK_PULL)}
    assert len(trials) == 3
    for step in of(made, Verb.PUT):
        if step.key.startswith("mirrors/"):
            assert trials <= set(step.after)
    done(site, aim)
    assert site.machines[worker(1)].files[HOSTS_TOML].digest == "mirror hub.example:5000"


@pytest.mark.parametrize("name", ["first", "second"])
def test_46_a_changed_app_is_upgraded_alone(name: str) -> None:
    apps = (AppAim("first", "1"), AppAim("second", "1"))
    site = built(wanted(1, 1, apps=apps))
    changed = tuple(replace(app, digest="2") if app.name == name else app for app in apps)
    (step,) = plan(site, wanted(1, 1, apps=changed)).steps
    assert (step.verb, step.about, step.because.cause) == (Verb.APP, name, Cause.CHANGED)
    done(site, wanted(1, 1, apps=changed))


def test_47_an_app_that_is_gone_from_the_bundle_is_listed_and_pruned() -> None:
    apps = (AppAim("shop", "1"), AppAim("extra", "1"))
    site = built(wanted(1, 1, apps=apps))
    site.releases["theirs"] = replace(site.releases["shop"], name="theirs")
    aim = wanted(1, 1, apps=apps[:1])
    assert found(nothing(site, aim), "app-listed") == ["extra"]
    done(site, aim)
    (step,) = plan(site, aim, prune=True).steps
    assert (step.verb, step.about) == (Verb.UNINSTALL, "extra")
    done(site, aim, prune=True)
    assert set(site.releases) == {"shop", "theirs"}


def test_43_a_step_that_fails_stops_the_run_there() -> None:
    from bundler.installer.plan.cluster.operation import Operation  # noqa: PLC0415  (used once)
    from bundler.installer.run.loop import run  # noqa: PLC0415

    plain = wanted(3, 0)
    site = built(plain)
    aim = replace(plain, settings={**plain.settings, "kube-apiserver": {"broken": "1"}})
    access = Access(site, aim, fails=frozenset({Verb.SETTINGS}))
    ended = run(access, lambda _: aim, Operation(), run_id="r", fresh_id="s")
    assert ended.error is not None
    assert ended.stages == 1
    assert not ended.done
