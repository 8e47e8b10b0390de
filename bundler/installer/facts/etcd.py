"""etcd as its members describe it, and whether one of them may leave (site.quorum has the arithmetic)."""

from dataclasses import dataclass
from typing import Final

from bundler.installer.site.quorum import Members, majority

LAG_LIMIT: Final = 5000  # raft entries behind the leader; kubeadm's own bar for a learner is 90%


@dataclass(frozen=True, slots=True)
class Member:
    """One member. name: of the node; "" for a member that has not started. lag: raft entries behind."""

    id: str
    name: str
    address: str  # host of its peer URL
    started: bool = True
    learner: bool = False
    leader: bool = False
    healthy: bool = True
    lag: int = 0
    db_size: int = 0
    quota: int = 2 << 30
    alarms: tuple[str, ...] = ()

    @property
    def voter(self) -> bool:
        """Whether it counts for the quorum."""
        return not self.learner


@dataclass(frozen=True, slots=True)
class EtcdObservation:
    """The cluster that the control planes store everything in."""

    cluster_id: str
    members: tuple[Member, ...]

    @property
    def voters(self) -> tuple[Member, ...]:
        """Members that vote."""
        return tuple(member for member in self.members if member.voter)

    @property
    def healthy(self) -> int:
        """How many voters are healthy."""
        return sum(member.healthy for member in self.voters)

    @property
    def quorum(self) -> bool:
        """Whether a write can be agreed on."""
        return self.healthy >= majority(len(self.voters))

    @property
    def learner(self) -> Member | None:
        """The one member that does not vote yet; etcd allows no second."""
        return next((member for member in self.members if member.learner), None)

    def at(self, address: str) -> Member | None:
        """The member of the host with this address."""
        return next((member for member in self.members if member.address == address), None)


def may_leave(voters: int, healthy: int, *, leaver_healthy: bool) -> bool:
    """Whether a voter can be removed: the removal is agreed on, and those who stay can agree afterwards."""
    return not Members(voters, healthy).obstacle_to_leaving(healthy=leaver_healthy)
