"""The arithmetic of etcd's majority, as tables."""

import pytest

from bundler.installer.site.quorum import Members, advice, majority, survives


@pytest.mark.parametrize(
    ("voters", "needed", "lost"),
    [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 3, 1), (5, 3, 2), (6, 4, 2), (7, 4, 3)],
)
def test_majority(voters: int, needed: int, lost: int) -> None:
    assert (majority(voters), survives(voters)) == (needed, lost)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, ""),
        (2, "etcd needs 2 of 2 to agree, so the cluster stops when either one stops"),
        (3, ""),
        (4, "etcd needs 3 of 4 to agree, so they survive the loss of 1, no more than 3 would"),
        (5, ""),
        (6, "survive the loss of 2, no more than 5 would"),
    ],
)
def test_advice(count: int, said: str) -> None:
    assert said in advice(count)
    assert bool(said) == bool(advice(count))


LEAVING = [
    # voters, healthy, learners, the one that leaves is healthy, may leave
    (3, 3, 0, True, True),
    (3, 2, 0, False, True),  # the dead one
    (3, 2, 0, True, False),  # two would stay, of which one is dead
    (3, 1, 0, False, False),  # the removal finds no majority
    (2, 2, 0, True, True),
    (2, 1, 0, False, False),  # that is a restore
    (2, 1, 0, True, False),
    (1, 1, 0, True, False),  # the last
    (5, 3, 0, False, True),
    (5, 3, 0, True, False),
    (5, 4, 0, True, True),
    (4, 3, 0, True, True),
    (4, 3, 0, False, True),
    (3, 3, 1, True, False),  # a learner is on its way
]


@pytest.mark.parametrize(("voters", "healthy", "learners", "leaver", "may"), LEAVING)
def test_who_may_leave(voters: int, healthy: int, learners: int, *, leaver: bool, may: bool) -> None:
    obstacle = Members(voters, healthy, learners).obstacle_to_leaving(healthy=leaver)
    assert (not obstacle) is may


@pytest.mark.parametrize(
    ("members", "may"),
    [(Members(1, 1), True), (Members(3, 3), True), (Members(3, 2), False), (Members(2, 2, 1), False)],
)
def test_who_may_join(members: Members, *, may: bool) -> None:
    assert (not members.obstacle_to_joining()) is may
