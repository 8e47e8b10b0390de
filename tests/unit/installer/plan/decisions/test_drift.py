"""Situations 12 to 24: nothing to do, and drift."""

from dataclasses import replace
from typing import Any

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.facts.api import Cordon
from bundler.installer.facts.observed import BlobState, Certificate, FileState
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.cluster.steps import Cause, Verb
from tests.fakes.site.recipe import BLOBS, CONTAINERD, KUBELET_UNIT, cp, with_pieces, worker
from tests.fakes.site.site import DAY
from tests.unit.installer.plan.decisions.kit import (
    built,
    done,
    found,
    fresh,
    hosts,
    nothing,
    of,
    plan,
    refusal,
    rules,
    wanted,
)

REGISTRY = "bundler-registry.service"


def test_12_a_raised_revision_runs_again_for_that_reason_and_nothing_else_does() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    nothing(site, with_pieces(aim))
    raised = with_pieces(aim, revision=2)
    steps = of(plan(site, raised), Verb.PUT)
    assert {step.key.split("/")[0] for step in steps} == {"containerd"}
    assert {step.because.cause for step in steps} == {Cause.REVISED}
    done(site, raised)


@pytest.mark.parametrize("change", ["nothing", "hosts", "version", "record lost"])
def test_13_another_name_is_refused_whatever_else_changed(change: str) -> None:
    aim = wanted(1, 1)
    site = built(aim, worker(2))
    other = replace(aim, name="bonn")
    if change == "hosts":
        other = wanted(1, 2, name="bonn")
    if change == "version":
        other = replace(other, versions=replace(aim.versions, kubernetes="v1.36.9"))
    if change == "record lost":
        site.record = None
        for machine in site.machines.values():
            machine.record = None
    assert rules(site, other) == {"BND-SITE-NAME"}


@pytest.mark.parametrize("host", [cp(1), worker(1)])
@pytest.mark.parametrize("unit", ["kubelet.service", "containerd.service"])
@pytest.mark.parametrize("trouble", [{"active": False}, {"enabled": False}])
def test_14_a_unit_that_was_stopped_or_disabled(host: str, unit: str, trouble: dict[str, Any]) -> None:
    aim = wanted(3, 1)
    site = built(aim)
    units = site.machines[host].units
    units[unit] = replace(units[unit], **trouble)
    made = plan(site, aim)
    assert hosts(list(made.steps)) == {host}
    assert {step.key.split("/")[0] for step in made.steps} >= {unit.partition(".")[0]}
    assert found(made, "drift") == [host]
    done(site, aim)


@pytest.mark.parametrize("path", [CONTAINERD, KUBELET_UNIT])
def test_14_15_a_file_of_ours_that_was_edited_is_put_back_and_its_unit_restarted(path: str) -> None:
    aim = wanted(1, 2)
    site = built(aim)
    for host in (worker(1), worker(2)):
        site.machines[host].files[path] = FileState("by hand")
    made = plan(site, aim)
    assert set(found(made, "drift")) == {worker(1), worker(2)}
    assert made.stage is not None
    assert len(hosts(made.stage.steps)) == 1  # host by host
    assert hosts(list(made.steps)) == {worker(1), worker(2)}
    done(site, aim)


def test_15_keep_leaves_the_edit_and_remembers_it() -> None:
    aim = wanted(1, 2)
    site = built(aim)
    site.machines[worker(1)].files[CONTAINERD] = FileState("by hand")
    assert found(nothing(site, aim, keep=True), "drift-kept") == [worker(1)]
    done(site, aim, keep=True)
    nothing(site, aim)
    site.machines[worker(1)].files[CONTAINERD] = FileState("by hand, again")
    assert hosts(list(plan(site, aim).steps)) == {worker(1)}


def test_15_a_file_that_is_gone_is_missing_not_drifted() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    del site.machines[worker(1)].files[CONTAINERD]
    assert {step.because.cause for step in plan(site, aim).steps} == {Cause.MISSING}
    done(site, aim)


def test_16_files_of_others_beside_ours_are_mentioned_and_left() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    site.machines[worker(1)].foreign_files.append("/etc/systemd/system/containerd.service.d/90-proxy.conf")
    assert found(nothing(site, aim), "foreign-file") == [worker(1)]


def test_17_an_object_of_an_app_that_is_gone_comes_back_one_that_was_scaled_stays() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    release = site.releases["shop"]
    site.releases["shop"] = replace(release, changed=("Deployment shop/cart",))
    assert found(nothing(site, aim), "app-changed") == ["shop"]
    site.releases["shop"] = replace(release, missing=("Deployment shop/cart",))
    (step,) = of(plan(site, aim), Verb.APP)
    assert "Deployment shop/cart" in str(step.because)
    done(site, aim)


@pytest.mark.parametrize("host", [cp(1), worker(1)])
def test_18_a_persons_cordon_stays_and_ours_is_lifted(host: str) -> None:
    aim = wanted(3, 1)
    site = built(aim)
    site.change_node(host, cordon=Cordon.PERSON)
    assert found(nothing(site, aim), "cordoned") == [host]
    site.change_node(host, cordon=Cordon.OURS)
    assert [(step.verb, step.subject) for step in plan(site, aim).steps] == [(Verb.UNCORDON, host)]
    done(site, aim)


@pytest.mark.parametrize("host", [cp(1), cp(3)])
def test_19_registry_stopped_blob_missing_blob_damaged(host: str) -> None:
    aim = wanted(3, 1)
    site = built(aim)
    machine = site.machines[host]
    machine.units[REGISTRY] = replace(machine.units[REGISTRY], active=False)
    assert [step.key for step in plan(site, aim).steps] == [f"registry/{host}"]
    done(site, aim)
    del machine.blobs[BLOBS[1]]
    (step,) = plan(site, aim).steps
    assert BLOBS[1] in str(step.because)
    done(site, aim)
    machine.blobs[BLOBS[2]] = BlobState.DAMAGED
    (step,) = plan(site, aim).steps
    assert BLOBS[2] in str(step.because)
    assert step.because.cause is Cause.DRIFTED
    done(site, aim)


def test_20_a_kernel_setting_that_a_reboot_lost_is_put_back() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    site.machines[worker(1)].sysctls["net/ipv4/ip_forward"] = "0"
    (step,) = plan(site, aim).steps
    assert str(step.because) == "net/ipv4/ip_forward changed from 1 to 0 on the host (drift)"
    done(site, aim)


@pytest.mark.parametrize("offset", [90.0, -90.0])
@pytest.mark.parametrize("host", [cp(1), worker(2)])
def test_21_a_clock_that_is_off_stops_what_issues_certificates(offset: float, host: str) -> None:
    aim = wanted(3, 2)
    site = fresh(aim)
    site.machines[host].clock_offset = offset
    refused = refusal(site, aim)
    assert (refused.refusals[0].rule, refused.code) == ("BND-CLOCK", ExitCode.PREFLIGHT)
    site.machines[host].clock_offset = 0.0
    done(site, aim)
    site.machines[host].clock_offset = offset
    assert found(nothing(site, aim), "clock-offset") == [host]


def test_21_fix_sets_it_if_the_site_has_a_time_server() -> None:
    aim = wanted(1, 1)
    site = fresh(aim)
    site.machines[worker(1)].clock_offset = 90.0
    assert rules(site, aim, fix=True) == {"BND-CLOCK"}
    timed = replace(aim, time_server="ntp.berlin.example")
    made = plan(site, timed, fix=True)
    assert [step.host for step in of(made, Verb.SET_CLOCK)] == [worker(1)]
    done(site, timed, fix=True)


def test_21_an_offset_that_all_share_is_none() -> None:
    aim = wanted(1, 2)
    site = fresh(aim)
    for machine in site.machines.values():
        machine.clock_offset = 500.0
    assert not rules(site, aim)


def _leaf(site_now: float, days: float, life: float = 365) -> list[Certificate]:
    names = frozenset({"api.berlin.internal"})
    end = site_now + days * DAY
    ca = Certificate("ca", site_now - DAY, site_now + 3000 * DAY, authority=True)
    return [Certificate("apiserver", end - life * DAY, end, names), ca]


@pytest.mark.parametrize(
    ("days", "life", "renewed"),
    [(20, 365, True), (29.9, 365, True), (31, 365, False), (20, 60, False), (19, 60, True), (-1, 365, True)],
)
def test_22_certificates_are_renewed_inside_their_window(*, days: float, life: float, renewed: bool) -> None:
    aim = wanted(3, 1)
    site = built(aim)
    for number in (1, 2, 3):
        site.machines[cp(number)].certificates = _leaf(site.now, days, life)
    made = plan(site, aim)
    assert bool(of(made, Verb.RENEW)) is renewed
    if renewed:
        assert made.stage is not None
        assert len(made.stage.verbs(Verb.RENEW)) == 1
        assert hosts(of(made, Verb.RENEW)) == {cp(1), cp(2), cp(3)}
        done(site, aim)


def test_22_a_ca_with_a_year_left_is_warned_of_and_an_expired_one_refused() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    for left, what in ((364, "warned"), (366, "silent"), (-1, "refused")):
        ca = Certificate("ca", site.now - 9 * 365 * DAY, site.now + left * DAY, authority=True)
        site.machines[cp(1)].certificates = [_leaf(site.now, 300)[0], ca]
        if what == "refused":
            (refused,) = refusal(site, aim).refusals
            assert refused.rule == "BND-CA-EXPIRED"
            assert "rotate-ca" in refused.fix
        else:
            assert bool(found(nothing(site, aim), "ca-expiry")) is (what == "warned")


@pytest.mark.parametrize("name", ["kubeadm-config", "kubelet-config"])
def test_23_changed_configuration_is_shown_and_holds_up_what_reads_it(name: str) -> None:
    aim = wanted(1, 1)
    site = built(aim, cp(2), worker(2))
    site.stored[name] = "by hand"
    assert found(nothing(site, aim), "config-drift") == [f"kube-system/{name}"]
    assert rules(site, wanted(2, 1)) == {"BND-STORED-CONFIG"}
    newer = replace(aim, versions=replace(aim.versions, kubernetes="v1.36.4"))
    assert rules(site, newer) == {"BND-STORED-CONFIG"}
    assert not rules(site, wanted(1, 2))
    assert [step.verb for step in plan(site, aim, restore_config=True).steps] == [Verb.STORE_CONFIG]
    done(site, aim, restore_config=True)
    done(site, wanted(2, 1))


def test_24_the_corefile_is_the_sites_own() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    site.stored["coredns"] = "forward . 10.1.1.1"
    assert found(nothing(site, aim), "corefile")


def test_22_renewal_by_name_needs_no_window() -> None:
    aim = wanted(1, 1)
    site = built(aim)
    made = plan(site, aim, Kind.RENEW)
    assert hosts(of(made, Verb.RENEW)) == {cp(1), worker(1)}
    assert made.stage is not None
    assert hosts(made.stage.steps) == {cp(1)}
