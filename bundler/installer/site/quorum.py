"""The arithmetic of etcd's majority: what a number of control planes survives, and which member may go.

n voters go on while n // 2 + 1 of them answer. A removal is itself voted on, by all that are members now;
afterwards the others need a majority of their own. templates/site/etcd-leave.sh has the same rule once more,
where it is asked again just before the removal; a test runs both against one table.
"""

from dataclasses import dataclass


def majority(voters: int) -> int:
    """How many of so many voters have to answer."""
    return voters // 2 + 1


def survives(voters: int) -> int:
    """How many of so many voters may be lost."""
    return voters - majority(voters)


def advice(control_planes: int) -> str:
    """What to warn of for this number of control planes; "" for an odd one."""
    if control_planes % 2 or control_planes < 1:
        return ""
    needed, lost = majority(control_planes), survives(control_planes)
    head = f"{control_planes} control planes: etcd needs {needed} of {control_planes} to agree"
    if not lost:
        return f"{head}, so the cluster stops when either one stops; 3 would survive the loss of one"
    fewer = control_planes - 1
    return f"{head}, so they survive the loss of {lost}, no more than {fewer} would; use an odd number"


@dataclass(frozen=True, slots=True)
class Members:
    """etcd's members as they were last seen. learners: members that don't vote yet."""

    voters: int
    healthy: int  # of the voters
    learners: int = 0

    def obstacle_to_joining(self) -> str:
        """Why no member can join now; "" if one can."""
        if self.learners:
            return "a member of etcd is still a learner, and there may be only one"
        if self.healthy < self.voters:
            ill = self.voters - self.healthy
            members = f"{ill} of etcd's {self.voters} members are not healthy"
            return f"{members}; a join would put the majority at risk"
        return ""

    def obstacle_to_leaving(self, *, healthy: bool) -> str:
        """Why a voter can't leave now; "" if it can. healthy: whether that voter is."""
        if self.voters <= 1:
            return "it is etcd's last member: delete the cluster instead"
        if self.learners:
            return "a member of etcd is still a learner: wait until its join ends"
        if self.healthy < majority(self.voters):
            return (
                f"{self.healthy} of etcd's {self.voters} members are healthy and a removal needs "
                f"{majority(self.voters)}: start the others, or restore a snapshot"
            )
        left, able = self.voters - 1, self.healthy - healthy
        if able < majority(left):
            return (
                f"{able} of the {left} remaining members would be healthy, and they need {majority(left)}: "
                "fix those first, or remove one of them"
            )
        return ""
