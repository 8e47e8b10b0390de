"""Going back on a site: what would be lost, the plan, and the record before and after it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.gather import newest
from bundler.installer.facts.seen import Present
from bundler.installer.operations.session import Session
from bundler.installer.plan.cluster.steps import Refused
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.decide import rough_view
from bundler.installer.plan.order import arrange
from bundler.installer.plan.plugin_removal import behind_rollback
from bundler.installer.plan.plugin_steps import check_modules
from bundler.installer.plan.plugins import with_shipped
from bundler.installer.plan.rollback import rollback_steps
from bundler.installer.plan.steps import Plan, Step
from bundler.installer.plan.upgrade import kept
from bundler.installer.plan.way_back import Spot, WayBack, closed, find, opened
from bundler.installer.scripts.render import script
from bundler.installer.site.record import Record
from bundler.installer.trust.trust import UNSIGNED, Release

_NAMED: Final = 3  # kinds of objects by name; the others are counted together


@dataclass(frozen=True, slots=True)
class Loss:
    """What was written since the snapshot, counted by kind. taken: when, in seconds since the epoch.

    known: false where etcd does not answer, so that nobody can count.
    """

    created: dict[str, int]
    changed: dict[str, int]
    deleted: dict[str, int]
    volumes: tuple[str, ...] = ()
    taken: float = 0.0
    known: bool = True

    @classmethod
    def parse(cls, text: str) -> "Loss":
        """From what rollback-loss.sh prints; lines that make no sense are passed over."""
        found: dict[str, dict[str, int]] = {"created": {}, "changed": {}, "deleted": {}}
        volumes, taken = list[str](), 0.0
        for line in text.splitlines():
            match line.split():
                case ["taken", when] if when.isdigit():
                    taken = float(when)
                case ["volume", name]:
                    volumes.append(name)
                case [what, kind, count] if what in found and count.isdigit():
                    found[what][kind] = int(count)
        return cls(found["created"], found["changed"], found["deleted"], tuple(sorted(volumes)), taken)

    def lines(self, now: float) -> tuple[str, ...]:
        """For a person, before they agree to it."""
        if not self.known:
            return (
                "Restores etcd from the snapshot before the upgrade. What was written since is lost.",
                "It can't be counted, because etcd does not answer.",
            )
        when = datetime.fromtimestamp(self.taken, UTC).strftime("%Y-%m-%d %H:%M UTC")
        rows = (
            ("created, removed", self.created),
            ("changed, reverted", self.changed),
            ("deleted, restored", self.deleted),
        )
        told = [f"  {what:<18} {_counted(kinds)}" for what, kinds in rows if kinds]
        head = f"Restores etcd from {when} ({_age(now - self.taken)} old)"
        rest = "Written since, lost for good:" if told else "Nothing was written since."
        lines = [f"{head}. {rest}", *told]
        if self.volumes:
            lines.append(f"  volumes made since, unknown afterwards: {', '.join(self.volumes)}")
        return (*lines, "Data on volumes is not rolled back.")


def _counted(kinds: dict[str, int]) -> str:
    """`61 objects: 30 configmaps, 20 secrets, 11 others`."""
    total = sum(kinds.values())
    ranked = sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [f"{count} {kind}" for kind, count in ranked[:_NAMED]]
    others = sum(count for _, count in ranked[_NAMED:])
    listed = ", ".join([*named, *([f"{others} {'other' if others == 1 else 'others'}"] if others else [])])
    return f"{total} object{'' if total == 1 else 's'}: {listed}"


def _age(seconds: float) -> str:
    hours, minutes = divmod(max(0, int(seconds)) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@dataclass(frozen=True, slots=True)
class Rollback:
    """A site that can go back: the way, the plan, and what it costs; loss: None where no data goes back."""

    session: Session
    way: WayBack
    plan: Plan
    loss: Loss | None

    def head(self) -> str:
        """What it comes to, in a line."""
        name, record = self.session.bundle.index.name, self._record()
        product = record.product(name)
        versions = f"{product.version if product else ''} → {record.previous.get('product') or 'before'}"
        return f"{self.session.site.name}: {name} {versions}, Kubernetes {self.way.now} → {self.way.version}"

    def carry_out(self, act: Callable[[Plan], None]) -> None:
        """With the record open meanwhile. Raises what the steps raise, and BundlerError (BUSY)."""
        self.session.keep(opened(self._record(), secrets.token_hex(8), self.way.token), self._record())
        act(self.plan)
        self.session.observe()
        found = self._record()
        product = self.session.bundle.index.name
        settled = closed(found, product)
        self.session.keep(settled, found)
        back = settled.product(product)
        if back is not None:
            for host in self.session.site.control_planes:
                self.session.ask(host.address, script("bundle-again.sh", name=f"{product} {back.version}"))
            self.session.record(Release(product, back.version, self.session.verdict.release.key or UNSIGNED))

    def _record(self) -> Record:
        record = newest(self.session.facts)
        if record is None:
            raise BundlerError("the site's record is gone", code=ExitCode.BUG)
        return record


def prepare(session: Session) -> Rollback:
    """Find the way and what it costs; changes nothing. Raises RefusedError, BundlerError (STEP)."""
    view = rough_view(session.site, session.facts, session.bundle.index, session.operation)
    way = find(view)
    if isinstance(way, Refused):
        raise session.refused(way)
    members = tuple(
        Spot(host.address, view.node_name(host.address))
        for host in view.recorded
        if view.is_control_plane(host.address) and not view.gone(host.address)
    )
    title = f"{session.bundle.index.name}: back to Kubernetes {way.version}"
    plan = arrange(title, _with_plugins(session, way, rollback_steps(way, members)))
    return Rollback(session, way, plan, _loss(session, view, way))


def _with_plugins(session: Session, way: WayBack, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Those of the Clusterfile and of this file, behind all that goes back."""
    contents = session.plugins_of_bundle()
    site = with_shipped(session.site, contents)
    check_modules(site, contents.index)
    return behind_rollback(site, contents, steps, {spot.address for spot in way.hosts})


def _loss(session: Session, view: View, way: WayBack) -> Loss | None:
    """Asked on a control plane, which keeps the snapshot and its keys."""
    if not way.data:
        return None
    text = script("etcd.sh", "etcd-keys.sh", "rollback-loss.sh", keep=kept(way.version))
    speaker = next((a for a, host in session.facts.hosts.items() if isinstance(host.api, Present)), "")
    asked = speaker if view.is_control_plane(speaker) else view.control_planes[0]
    try:
        return Loss.parse(session.ask(asked, text))
    except BundlerError:
        return Loss({}, {}, {}, known=False)
