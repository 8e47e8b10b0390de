"""A whole install that asks no host: every stage, every system, and what is missing."""

from dataclasses import replace

import pytest

from bundler.core.index import Index
from bundler.core.suite import Suite
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.limits import DEFAULT_LIMITS
from bundler.installer.plan.rehearsal import Rehearsed, lacking, rehearse, suites_of
from bundler.installer.plan.vendor import NO_RULES, VendorRules
from bundler.installer.site.model import Site, VirtualEndpoint
from tests.unit.installer.plan import kit


def contents(bundle: Index) -> Contents:
    return Contents(bundle, kit.files_of(bundle))


def rehearsed(of: Site, bundle: Index | None = None, rules: VendorRules = NO_RULES) -> Rehearsed:
    found = contents(bundle or kit.index(packages=kit.BALANCED))
    return rehearse(of, found, suites_of(found)[0], kit.of_site(kit.SECRETS, of), "", rules)


@pytest.mark.parametrize(("workers", "control_planes"), [(1, 1), (2, 3), (0, 1)])
def test_every_host_is_installed_and_nothing_stands_against_it(workers: int, control_planes: int) -> None:
    of = kit.site(workers, control_planes=control_planes)
    found = rehearsed(of)
    assert found.problems == ()
    ids = [step.id for step in found.plan.steps]
    assert len(ids) == len(set(ids))
    hosts = {step.host for step in found.plan.steps}
    assert hosts == {host.address for host in of.hosts}


def test_the_plan_is_the_one_that_apply_makes_on_such_hosts() -> None:
    of = kit.site()
    bundle = kit.index(packages=kit.BALANCED)
    found = rehearsed(of, bundle)
    made = kit.plan(of, found.facts, bundle)
    assert found.plans[0].steps == made.steps


def test_one_run_for_each_system_that_the_bundle_has_packages_for() -> None:
    packages = (
        kit.package("containerd", requested=True),
        kit.package("containerd", requested=True, suite="debian:trixie"),
    )
    found = contents(kit.index(packages=packages))
    assert suites_of(found) == (Suite("debian", "bookworm"), Suite("debian", "trixie"))
    assert suites_of(contents(kit.index(packages=()))) == (None,)


@pytest.mark.parametrize(
    ("of", "bundle", "rules", "expected"),
    [
        (kit.site(1, control_planes=3), kit.index(), NO_RULES, {("balancer", "10.0.0.5")}),
        (kit.site(), kit.index(packages=()), NO_RULES, {("bundle", "demo")}),
        (
            replace(kit.site(), endpoint=VirtualEndpoint("10.9.9.9")),
            kit.index(),
            NO_RULES,
            {("vip-network", "10.0.0.2"), ("vip-program", "10.0.0.2")},
        ),
        (
            kit.site(),
            kit.index(),
            VendorRules(limits=replace(DEFAULT_LIMITS, worker_memory=128 << 30)),
            {("memory", "10.0.0.3")},
        ),
        (
            kit.site(),
            kit.index(),
            VendorRules(
                limits=replace(DEFAULT_LIMITS, worker_memory=128 << 30), severities={"memory": "warning"}
            ),
            set(),
        ),
    ],
    ids=["no balancer", "no containerd", "vip elsewhere", "a vendor's limit", "a vendor's severity"],
)
def test_what_stands_against_it(
    of: Site, bundle: Index, rules: VendorRules, expected: set[tuple[str, str]]
) -> None:
    found = {(problem.rule, problem.location.file) for problem in rehearsed(of, bundle, rules).problems}
    assert found == expected


def test_a_bundle_that_no_plan_can_be_made_of() -> None:
    images = tuple(name for name in kit.IMAGES if "pause" not in name)
    found = rehearsed(kit.site(), kit.index(images=images))
    assert [problem.message for problem in found.problems] == [
        "the bundle has no pause image, which every pod needs"
    ]


def test_an_image_whose_blobs_are_elsewhere() -> None:
    bundle = kit.index()
    layer = kit.digest("config quay.io/a/b:1").hex
    kept = tuple(member for member in bundle.members if layer not in member.path)
    assert len(kept) == len(bundle.members) - 1
    assert [problem.message for problem in lacking(contents(replace(bundle, members=kept)))] == [
        "quay.io/a/b:1 lacks 1 of its 3 blobs"
    ]
