"""How long the copies of an install would take, at the speed that was measured. Pure."""

from collections.abc import Mapping

from bundler.installer.checks.areas.build import MIB, mib
from bundler.installer.plan.duration import copied
from bundler.installer.plan.steps import Deliver, Plan
from bundler.installer.site.ranges import hosts


def forecast(plan: Plan, speed: Mapping[str, float]) -> str:
    """speed: MiB/s to some hosts, one behind the other. "" where nothing is copied or measured.

    All copies leave this machine by one link, which is at least as fast as the fastest of them.
    """
    steps = [step for step in plan.steps if isinstance(step, Deliver)]
    size = copied(steps)
    best = max(speed.values(), default=0.0)
    if not size or not best:
        return ""
    to = hosts(len({step.host for step in steps}))
    took = _time(size / MIB / best)
    return f"apply copies {mib(size)} to {to}: about {took} at {best:,.0f} MiB/s, as measured"


def _time(seconds: float) -> str:
    if seconds < 95:
        return f"{max(1, round(seconds)):d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
