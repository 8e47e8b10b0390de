"""Which steps may run now: a plan's order as a directed graph, with limits. Pure; `execute` drives it."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Plan, Step


@dataclass(frozen=True, slots=True)
class ScheduleLimits:
    """How many steps run at once. host: sshd takes 10 sessions a connection; ending a script needs one."""

    total: int = 64
    host: int = 6


class Schedule:
    """Hands out steps whose predecessors have succeeded, in the plan's order."""

    def __init__(self, plan: Plan, limits: ScheduleLimits) -> None:
        self._limits = limits
        self._steps = {step.id: step for step in plan.steps}
        done = {skipped.step.id for skipped in plan.done}
        # Of several names in `after`, those done before the plan was made delay nothing.
        self._waits = {step.id: len(set(step.after) - done) for step in plan.steps}
        self._followers: dict[str, list[str]] = defaultdict(list)
        for step in plan.steps:
            for earlier in set(step.after) - done:
                self._followers[earlier].append(step.id)
        self._check()
        self._order = {step.id: number for number, step in enumerate(plan.steps)}
        self._ready: dict[str, deque[str]] = defaultdict(deque)
        for step in plan.steps:
            if not self._waits[step.id]:
                self._ready[step.host].append(step.id)
        self._over: set[str] = set()  # steps that are no longer waited for
        self._abandoned: set[str] = set()  # hosts
        self._running: Counter[str] = Counter()
        self._left = len(plan.steps)

    @property
    def running(self) -> int:
        """How many steps were handed out and have not come back."""
        return self._running.total()

    @property
    def left(self) -> int:
        """How many steps have not succeeded."""
        return self._left

    def take(self) -> Iterator[Step]:
        """Every step that may start now; each counts as running from here on."""
        free = self._limits.total - self.running
        candidates = sorted(self._candidates(), key=self._order.__getitem__)
        for name in candidates[:free]:
            step = self._steps[name]
            self._ready[step.host].remove(name)
            self._running[step.host] += 1
            yield step

    def succeeded(self, step: Step) -> None:
        """The step came back; its followers may be ready now."""
        self.failed(step)
        self._left -= 1
        self._let_go(step.id)

    def failed(self, step: Step) -> None:
        """The step came back; its followers will never be ready."""
        self._running[step.host] -= 1

    def abandon(self, host: str) -> None:
        """No step of this host begins any more, and no step of another one waits for any of them."""
        self._abandoned.add(host)
        self._ready.pop(host, None)
        for step in self._steps.values():
            if step.host == host:
                self._let_go(step.id)

    def _let_go(self, name: str) -> None:
        if name in self._over:
            return
        self._over.add(name)
        for follower in self._followers[name]:
            self._waits[follower] -= 1
            host = self._steps[follower].host
            if not self._waits[follower] and host not in self._abandoned:
                self._ready[host].append(follower)

    def _candidates(self) -> Iterator[str]:
        for host, names in self._ready.items():
            free = self._limits.host - self._running[host]
            yield from sorted(names, key=self._order.__getitem__)[: max(free, 0)]

    def _check(self) -> None:
        """Refuse a plan that could not end: unknown predecessors or a ring. It would be a fault of ours."""
        unknown = sorted(set(self._followers) - set(self._steps))
        waits = dict(self._waits)
        free = deque(name for name, count in waits.items() if not count)
        reached = 0
        while free:
            reached += 1
            for name in self._followers.get(free.popleft(), ()):
                waits[name] -= 1
                if not waits[name]:
                    free.append(name)
        if unknown or reached < len(self._steps):
            why = f"unknown steps: {', '.join(unknown)}" if unknown else "some steps wait for each other"
            raise BundlerError("the plan has no order", why=why, code=ExitCode.BUG)
