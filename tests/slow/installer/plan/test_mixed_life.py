"""The life of a site with hosts of two architectures, simulated, by the real steps of a file for both."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from bundler.core.index import Member
from bundler.installer.plan.cluster.operation import Consents, Operation
from bundler.installer.plan.contents import blob_path
from bundler.installer.plan.ids import Ids
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.site.quorum import majority
from tests.unit.installer.plan import kit, mixed_kit
from tests.unit.installer.plan.mixed_kit import Living

PRUNE = Operation(consents=Consents(prune=True))
WEB = "docker.io/a/b:1"
P1, P2, P3, W1, W2 = (f"10.0.0.{number}" for number in range(2, 7))
BOTH = mixed_kit.amd()


def site(planes: Collection[str], workers: Collection[str]) -> Site:
    roles = {**dict.fromkeys(planes, Role.CONTROL_PLANE), **dict.fromkeys(workers, Role.WORKER)}
    return Site("trial", tuple(Host(address, frozenset({role})) for address, role in roles.items()))


def _newer(member: Member) -> Member:
    """A program of another version is another file."""
    if not member.path.startswith("root/bin/"):
        return member
    return replace(member, size=member.size + 1, digest=kit.digest(f"newer {member.path}"))


@pytest.mark.parametrize(
    ("planes", "workers", "arms"),
    [([P1], [W1], {W1}), ([P1], [W1], {P1}), ([P1, P2, P3], [W1, W2], {P2, W2})],
)
def test_it_is_installed_and_a_second_run_has_nothing_to_do(
    planes: list[str], workers: list[str], arms: set[str]
) -> None:
    living = Living((*planes, *workers), frozenset(arms))
    of = site(planes, workers)
    bundle = BOTH if P1 not in arms else mixed_kit.arm(BOTH)
    living.go(of, bundle)
    assert len(living.sim.nodes) == len(of.hosts)
    assert len(living.sim.members) >= majority(len(planes))
    assert living.go(of, bundle).stages == 0
    assert living.sim.record is not None
    assert dict(living.sim.record.architectures) == {
        a: "arm64" if a in arms else "amd64" for a in (*planes, *workers)
    }


def test_before_a_host_of_a_second_architecture_joins_the_registries_have_all_of_it() -> None:
    living = Living((P1, P2, P3, W1, W2), frozenset({W2}))
    living.go(site([P1, P2, P3], [W1]), BOTH)
    before = {a: dict(machine.files) for a, machine in living.sim.machines.items()}
    assert living.sim.record is not None
    assert not living.sim.record.architectures
    living.go(site([P1, P2, P3], [W1, W2]), BOTH)
    log = living.sim.log
    join, pull = log.index(f"join/{W2}"), log.index(Ids(W2).images)
    for registry in (P1, P2, P3):
        assert log.index(Ids(registry).node_images) < pull < join
        assert log.index(Ids(registry).app_images) < pull
        theirs = {d.hex for image in mixed_kit.arm(BOTH).images for d in image.digests}
        assert {blob_path(digest) for digest in theirs} <= living.sim.machines[registry].files.keys()
    assert not [key for key in log if key.split("/")[1] == W1], "a join runs no step on another worker"
    assert living.sim.machines[W1].files == before[W1]
    assert living.go(site([P1, P2, P3], [W1, W2]), BOTH).stages == 0


def test_a_registry_that_lacks_a_blob_of_either_platform_gets_it_again() -> None:
    living = Living((P1, W1), frozenset({W1}))
    of = site([P1], [W1])
    living.go(of, BOTH)
    for index in (BOTH, mixed_kit.arm(BOTH)):
        web = next(image for image in index.images if image.name == WEB)
        for digest in (web.manifests[0], web.blobs[0], mixed_kit.top(WEB).digest):
            path = blob_path(digest.hex)
            del living.sim.machines[P1].files[path]
            assert living.go(of, BOTH).stages == 1
            assert path in living.sim.machines[P1].files


def test_while_its_only_arm64_host_is_silent_the_images_for_it_stay() -> None:
    living = Living((P1, W1, W2), frozenset({W2}))
    of = site([P1], [W1, W2])
    living.go(of, BOTH)
    living.sim.power(W2, on=False)
    living.go(of, BOTH, Operation(consents=Consents(max_failed=1)))
    assert not [key for key in living.sim.log if "images" in key]


def test_when_the_last_host_of_an_architecture_leaves_names_mean_the_other_again_in_the_same_run() -> None:
    living = Living((P1, W1, W2), frozenset({W2}))
    living.go(site([P1], [W1, W2]), BOTH)
    rest = site([P1], [W1])
    living.go(rest, BOTH)
    assert not [key for key in living.sim.log if "images" in key], "it is only listed, and stays a node"
    living.go(rest, BOTH, PRUNE)
    assert f"leave/{W2}" in living.sim.log
    assert {node.address for node in living.sim.nodes.values()} == {P1, W1}
    assert living.go(rest, BOTH).stages == 0
    assert living.sim.record is not None
    assert not living.sim.record.architectures


def test_the_first_control_plane_is_replaced_by_one_of_another_architecture() -> None:
    living = Living((P1, P2, W1), frozenset({P2}))
    living.go(site([P1], [W1]), BOTH)
    living.go(site([P2], [W1]), mixed_kit.arm(BOTH), PRUNE)
    assert {node.address for node in living.sim.nodes.values()} == {P2, W1}
    assert living.go(site([P2], [W1]), mixed_kit.arm(BOTH)).stages == 0


def test_an_upgrade_brings_each_host_the_kubelet_of_its_platform() -> None:
    living = Living((P1, W1), frozenset({W1}))
    of = site([P1], [W1])
    living.go(of, BOTH)
    newer = mixed_kit.amd(
        kubernetes="v1.35.4", images=tuple(n.replace("v1.34.4", "v1.35.4") for n in kit.IMAGES)
    )
    members = tuple(_newer(member) for member in newer.members)
    newer = replace(newer, version="2", members=members)
    living.go(of, newer)
    assert {Ids(P1).programs, Ids(W1).programs} <= set(living.sim.log)
    assert {node.version for node in living.sim.nodes.values()} == {"v1.35.4"}
    assert living.go(of, newer).stages == 0
