"""A database that fails over by itself: what coming into that and out of it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenfold.transitions.steps.base import Step


@dataclass(frozen=True, slots=True)
class AwaitQuorum(Step):
    """Wait until most members of an etcd cluster agree on who leads it, or all of them do."""

    members: tuple[str, ...]
    within_seconds: float
    of_all: bool = False

    def sentence(self) -> str:
        return f"see that {', '.join(self.members)} agree"


@dataclass(frozen=True, slots=True)
class RemoveEtcd(Step):
    """Stop a member of an etcd cluster and delete its data. There is no way back."""

    member: str

    def sentence(self) -> str:
        return f"stop {self.member} and delete its data"


@dataclass(frozen=True, slots=True)
class RejoinEtcd(Step):
    """Have an etcd cluster do without a member that has lost its data, and expect it anew.

    The member does not run and has no data; ``others`` are who stays.
    """

    member: str
    others: tuple[str, ...]

    def sentence(self) -> str:
        return f"have {' and '.join(self.others)} expect {self.member} as a new member"


@dataclass(frozen=True, slots=True)
class ForgetEtcd(Step):
    """Have an etcd cluster do without a member whose data is given up; ``others`` are who stays."""

    member: str
    others: tuple[str, ...]

    def sentence(self) -> str:
        return f"have {' and '.join(self.others)} do without {self.member}"


@dataclass(frozen=True, slots=True)
class AdoptDatabase(Step):
    """Put a database that leads into Patroni's care, as it runs: no session ends."""

    unit: str

    def sentence(self) -> str:
        return f"put {self.unit} into Patroni's care; it runs on"

    def reverse(self) -> Step:
        return ReleaseDatabase(self.unit)


@dataclass(frozen=True, slots=True)
class ReleaseDatabase(Step):
    """Take a database that leads, and is alone, out of Patroni's care, as it runs."""

    unit: str

    def sentence(self) -> str:
        return f"take {self.unit} out of Patroni's care; it runs on"

    def reverse(self) -> Step:
        return AdoptDatabase(self.unit)


@dataclass(frozen=True, slots=True)
class JoinCluster(Step):
    """Have a database follow in Patroni's care, with the data it has, or a copy of the leader's."""

    unit: str
    leader: str

    def sentence(self) -> str:
        return f"have {self.unit} follow {self.leader} in Patroni's care"

    def reverse(self) -> Step:
        return LeaveCluster(self.unit, self.leader)


@dataclass(frozen=True, slots=True)
class LeaveCluster(Step):
    """Have a database that follows do so by itself; the slot for it at the leader is there."""

    unit: str
    leader: str

    def sentence(self) -> str:
        return f"have {self.unit} follow {self.leader} by itself"

    def reverse(self) -> Step:
        return JoinCluster(self.unit, self.leader)


@dataclass(frozen=True, slots=True)
class RequireSynchronous(Step):
    """See that a commit waits for so many other members: what is acknowledged is in two zones."""

    leader: str
    nodes: int

    def sentence(self) -> str:
        others = "another member" if self.nodes == 1 else f"{self.nodes} other members"
        return f"see that a commit on {self.leader} waits for {others}"


@dataclass(frozen=True, slots=True)
class ExcuseMember(Step):
    """Have no commit wait for a database that is to leave: Patroni neither counts on it nor elects
    it from then on."""

    unit: str
    leader: str

    def sentence(self) -> str:
        return f"have no commit on {self.leader} wait for {self.unit}"

    def reverse(self) -> Step:
        return CountMember(self.unit)


@dataclass(frozen=True, slots=True)
class CountMember(Step):
    """Have Patroni count on a database again, as soon as it has every commit."""

    unit: str

    def sentence(self) -> str:
        return f"count on {self.unit} again"


@dataclass(frozen=True, slots=True)
class AwaitMember(Step):
    """Wait until a database in Patroni's care follows, and where it is said has every commit."""

    unit: str
    leader: str
    in_sync: bool = False

    def sentence(self) -> str:
        does = "is in sync with" if self.in_sync else "follows"
        return f"wait until {self.unit} {does} {self.leader}"


@dataclass(frozen=True, slots=True)
class SwitchOver(Step):
    """Have Patroni change leaders in order, to a member that has everything.

    Done when whoever follows the leader for the app leads to the next one. Where requests wait, it
    takes no longer than ``max_seconds`` of their wait, and lets them go on by itself when it fails:
    who leads then is for Patroni to say.
    """

    point_of_no_return: ClassVar[bool] = True

    leader: str
    to: str
    max_seconds: float = 60.0

    def sentence(self) -> str:
        return f"have {self.to} lead instead of {self.leader}"
