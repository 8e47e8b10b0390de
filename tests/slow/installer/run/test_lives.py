"""Lives of a site: kills at every micro-step of every operation, and random edits, faults and runs."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bundler.installer.facts.api import Cordon
from bundler.installer.facts.observed import BlobState, FileState
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Plan
from bundler.installer.site.desired import AppAim, Desired, Versions
from tests.fakes.site.access import KilledError, go, killed, moments
from tests.fakes.site.recipe import CONTAINERD, cp, desired, with_pieces, worker
from tests.fakes.site.site import Site

ALL = [cp(n) for n in range(1, 5)] + [worker(n) for n in range(1, 4)]
PRUNE = Operation(Kind.APPLY, Consents(prune=True))
DELETE = Operation(Kind.DELETE)
RENEW = Operation(Kind.RENEW, since=1001 * 86400.0)


def aim(controls: int = 1, workers: int = 1, **changes: object) -> Desired:
    return desired([cp(n + 1) for n in range(controls)], [worker(n + 1) for n in range(workers)], **changes)


def built(of: Desired | None) -> Site:
    site = Site.of(ALL)
    if of is not None:
        assert go(site, of).done
    return site


def newer(of: Desired, kubernetes: str, *carried: str) -> Desired:
    return replace(of, versions=Versions("shop", "9.0", kubernetes, (*carried, kubernetes)))


def state(site: Site) -> object:
    """What a site is, without ids, times and who did it."""
    observed = site.observe()
    members = sorted((m.address, m.learner, m.started) for m in site.members)
    machines = [
        (
            m.address,
            m.ours,
            m.traces,
            m.files,
            m.units,
            m.blobs,
            m.components,
            m.lists,
            m.journal.get(f"hook/{m.address}"),
            m.renewed,
            m.renewing,
        )
        for m in site.machines.values()
    ]
    record = site.record and [
        (h.address, h.role, h.state) for h in sorted(site.record.hosts, key=lambda h: h.address)
    ]
    releases = {name: release.digest for name, release in site.releases.items()}
    nodes = [replace(node, version="") for node in site.nodes.values()]
    return members, machines, sorted(nodes, key=lambda node: node.name), releases, record, type(observed.api)


OPERATIONS: dict[str, tuple[Desired | None, Desired, Operation]] = {
    "install 1+1": (None, aim(), Operation()),
    "install 3+2": (None, aim(3, 2), Operation()),
    "grow 1+1 to 3+2": (aim(), aim(3, 2), Operation()),
    "shrink 3+2 to 1+1": (aim(3, 2), aim(), PRUNE),
    "replace the first": (aim(3, 1), desired([cp(2), cp(3), cp(4)], [worker(1)]), PRUNE),
    "control plane to worker": (aim(3, 1), desired([cp(1), cp(3)], [cp(2), worker(1)]), Operation()),
    "next minor": (aim(3, 2), newer(aim(3, 2), "v1.37.2"), Operation()),
    "next minor with another etcd": (
        replace(aim(), settings={"cluster": {"etcd.local.imageTag": "3.6.16-0"}}),
        newer(replace(aim(), settings={"cluster": {"etcd.local.imageTag": "3.7.3-0"}}), "v1.37.2"),
        Operation(),
    ),
    "two minors": (aim(1, 1), newer(aim(1, 1), "v1.38.0", "v1.37.2"), Operation()),
    "settings": (aim(3, 1), replace(aim(3, 1), settings={"kubelet": {"maxPods": "9"}}), Operation()),
    "runtime": (aim(1, 2), with_pieces(aim(1, 2), pause="pause:3.11"), Operation()),
    "apps": (aim(), aim(apps=(AppAim("shop", "2"), AppAim("mail", "1"))), Operation()),
    "delete": (aim(3, 1), aim(3, 1), DELETE),
    "renew": (aim(3, 2), aim(3, 2), RENEW),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_kill_at_any_micro_step_ends_as_an_unbroken_run(name: str) -> None:
    before, after, operation = OPERATIONS[name]
    start = built(before)
    whole = deepcopy(start)
    sites = killed(whole, after, operation)
    assert sites
    for tick, site in enumerate(sites, 1):
        ended = go(site, after, operation)
        assert ended.done, (tick, len(sites), ended)
        assert state(site) == state(whole), (tick, len(sites), site.log[-5:])
        assert site.inits <= whole.inits + (before is None)


def test_a_copy_is_what_a_kill_leaves() -> None:
    before, after, operation = OPERATIONS["grow 1+1 to 3+2"]
    start = built(before)
    sites = killed(deepcopy(start), after, operation)
    for tick in range(1, len(sites) + 1, 7):
        site = deepcopy(start)
        with pytest.raises(KilledError):
            go(site, after, operation, kill_at=tick)
        assert site == sites[tick - 1]


@pytest.mark.parametrize("name", ["install 3+2", "grow 1+1 to 3+2", "shrink 3+2 to 1+1", "next minor"])
def test_kills_on_kills_still_end(name: str) -> None:
    before, after, operation = OPERATIONS[name]
    start = built(before)
    chance = random.Random(name)  # noqa: S311  (no secret)
    whole = deepcopy(start)
    number = len(moments(whole, after, operation))
    for _ in range(30):
        site = deepcopy(start)
        for _ in range(6):
            try:
                go(site, after, operation, kill_at=chance.randint(1, number))
            except KilledError:
                continue
        assert go(site, after, operation).done
        assert state(site) == state(whole)


def test_after_a_broken_delete_apply_brings_the_site_up() -> None:
    of = aim(3, 1)
    start = built(of)
    for tick, site in enumerate(killed(start, of, DELETE), 1):
        ended = go(site, of)
        assert ended.done, (tick, ended)
        assert site.api_up
        assert len(site.members) == 3


Fault = Callable[[Site, str], None]


def stop_unit(site: Site, host: str) -> None:
    units = site.machines[host].units
    if "containerd.service" in units:
        units["containerd.service"] = replace(units["containerd.service"], active=False)


def edit_file(site: Site, host: str) -> None:
    if CONTAINERD in site.machines[host].files:
        site.machines[host].files[CONTAINERD] = FileState("by hand")


def delete_node(site: Site, host: str) -> None:
    machine = site.machines[host]
    if machine.name in site.nodes and not site.nodes[machine.name].control_plane:
        del site.nodes[machine.name]


def lose_sysctl(site: Site, host: str) -> None:
    site.machines[host].sysctls.pop("net/ipv4/ip_forward", None)


def lose_blob(site: Site, host: str) -> None:
    site.machines[host].blobs.pop("sha256:aa", None)


def lose_app(site: Site, _host: str) -> None:
    site.releases.pop("shop", None)


def reinstall_worker(site: Site, host: str) -> None:
    if not site.machines[host].traces.etcd_data:
        site.reinstall(host)


def damage_blob(site: Site, host: str) -> None:
    if "sha256:bb" in site.machines[host].blobs:
        site.machines[host].blobs["sha256:bb"] = BlobState.DAMAGED


def stop_registry(site: Site, host: str) -> None:
    units = site.machines[host].units
    if "bundler-registry.service" in units:
        units["bundler-registry.service"] = replace(units["bundler-registry.service"], active=False)


def disable_kubelet(site: Site, host: str) -> None:
    units = site.machines[host].units
    if "kubelet.service" in units:
        units["kubelet.service"] = replace(units["kubelet.service"], enabled=False)


def lose_images(site: Site, host: str) -> None:
    site.machines[host].images.clear()


def lose_journal(site: Site, host: str) -> None:
    site.machines[host].journal.clear()


def lose_record(site: Site, host: str) -> None:
    """One copy of several."""
    site.machines[host].record = None


def cordon(site: Site, host: str) -> None:
    if site.machines[host].name in site.nodes:
        site.change_node(host, cordon=Cordon.PERSON)


def label(site: Site, host: str) -> None:
    if site.machines[host].name in site.nodes:
        site.change_node(host, labels={**site.node_at(host).labels, "theirs": "yes"})


FAULTS: tuple[Fault, ...] = (
    stop_unit, edit_file, delete_node, lose_sysctl, lose_blob, lose_app, reinstall_worker,
    damage_blob, stop_registry, disable_kubelet, lose_images, lose_journal, lose_record, cordon, label,
)  # fmt: skip

sites = st.tuples(
    st.sets(st.sampled_from(ALL[:4]), min_size=1, max_size=3),
    st.sets(st.sampled_from(ALL), max_size=3),
    st.sampled_from(["v1.36.3", "v1.36.4", "v1.37.2"]),
    st.sampled_from(["7", "9"]),
)
turns = st.tuples(
    sites,
    st.lists(st.tuples(st.sampled_from(FAULTS), st.sampled_from(ALL)), max_size=3),
    st.lists(st.integers(1, 120), max_size=2),  # where runs are killed
)


Turn = tuple[tuple[set[str], set[str], str, str], list[tuple[Fault, str]], list[int]]

REINSTALLED_BEFORE_AN_UPGRADE: list[Turn] = [
    (({cp(2)}, {worker(1)}, "v1.36.3", "7"), [], []),
    (({cp(1)}, {worker(1), cp(1)}, "v1.36.4", "7"), [(reinstall_worker, worker(1))], []),
]


@example(life=REINSTALLED_BEFORE_AN_UPGRADE)
@given(life=st.lists(turns, min_size=1, max_size=4))
@settings(max_examples=40)
def test_any_life_converges(
    life: list[Turn],
) -> None:
    site = Site.of(ALL)
    version = "v1.36.3"
    for (controls, others, wanted, value), faults, kills in life:
        version = max(version, wanted)  # nobody goes back by `apply`
        workers = sorted(others - controls)
        of = desired(sorted(controls), workers, settings={"kubelet": {"maxPods": value}})
        of = replace(of, versions=Versions("shop", version.removeprefix("v"), version, (version,)))
        for fault, host in faults:
            fault(site, host)
        for kill in kills:
            try:
                go(site, of, PRUNE, kill_at=kill)
            except KilledError:
                continue
        ended = go(site, of, PRUNE)
        assert ended.done, ended
        assert {member.address for member in site.members} == controls
        assert {node.address for node in site.nodes.values()} == controls | set(workers)
        again = go(site, of)
        assert isinstance(again.decision, Plan)
        assert again.stages == 0


STRIKES = st.tuples(st.integers(1, 200), st.sampled_from(FAULTS), st.sampled_from(ALL))


@given(name=st.sampled_from(sorted(OPERATIONS)), strikes=st.lists(STRIKES, min_size=1, max_size=3))
@settings(max_examples=60)
def test_faults_between_a_kill_in_the_middle_of_a_step_and_the_next_run_are_mended(
    name: str, strikes: list[tuple[int, Fault, str]]
) -> None:
    """What a person or a disk did meanwhile is no reason to stop, nor to begin a second cluster."""
    before, after, operation = OPERATIONS[name]
    site = built(before)
    for tick, fault, host in strikes:
        try:
            ended = go(site, after, operation, kill_at=tick)
            assert ended.done, ended
        except KilledError:
            pass
        if operation is not DELETE:
            fault(site, host)
    ended = go(site, after, operation)
    assert ended.done, ended
    assert go(site, after, operation).stages == 0 or operation is DELETE
    assert site.inits <= 1


@given(
    kills=st.lists(st.integers(1, 150), min_size=1, max_size=4),
    grown=st.booleans(),
    fault=st.sampled_from([cordon, label]),
)
@settings(max_examples=30)
def test_what_people_put_on_nodes_outlives_every_run(kills: list[int], *, grown: bool, fault: Fault) -> None:
    start, end = (aim(), aim(3, 2)) if grown else (aim(3, 2), newer(aim(3, 2), "v1.36.4"))
    site = built(start)
    fault(site, worker(1))
    before = site.node_at(worker(1))
    for kill in kills:
        try:
            go(site, end, kill_at=kill)
        except KilledError:
            continue
    assert go(site, end).done
    after = site.node_at(worker(1))
    assert (after.cordon, after.labels) == (before.cordon, before.labels)
