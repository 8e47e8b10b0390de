"""A site brought back from a snapshot: judged, said what is lost, cleared, and installed around its data."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.words import counted
from bundler.installer.facts.gather import newest
from bundler.installer.facts.seen import Present
from bundler.installer.operations.session import Session
from bundler.installer.operations.site_run import SiteRun, carry_on
from bundler.installer.plan.cluster.decide import refuse
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.decide import rough_view
from bundler.installer.plan.restore import SOURCE, clear, cleared, restored, traced
from bundler.installer.plan.snapshot_manifest import Here, check, planted
from bundler.installer.plan.steps import Delivery, Plan
from bundler.installer.run.deliver import MemberSource
from bundler.installer.run.loop import Ended
from bundler.installer.scripts.render import script
from bundler.installer.site.model import Role
from bundler.installer.site.ranges import hosts
from bundler.installer.snapshot.container import Snapshot

_TIMEOUT = 120.0
_SECRETS = "var/lib/bundler/secrets.json"
_OPEN = "restore"  # in the record's `previous`: which snapshot a restore that is not finished is of


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """Deliveries out of the snapshot, all others out of the bundle."""

    snapshot: Snapshot
    others: MemberSource

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        """Digest and size in bytes of the content."""
        if not delivery.member.startswith(SOURCE):
            return self.others.describe(delivery)
        part = self.snapshot.manifest.parts[delivery.member.removeprefix(SOURCE)]
        return part.digest, part.size

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        """The content, verified while it is read. Raises BundlerError (INTEGRITY)."""
        if not delivery.member.startswith(SOURCE):
            return self.others.chunks(delivery)
        return self.snapshot.part(delivery.member.removeprefix(SOURCE))


@dataclass(frozen=True, slots=True)
class Restore:
    """One snapshot and the site that it goes to."""

    session: Session
    snapshot: Snapshot
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, session: Session, snapshot: Snapshot) -> Self:
        """A restore whose session has the snapshot's keys and data in place of the site's own."""
        around = replace(
            session,
            kept_secrets=snapshot.small(_SECRETS).decode(),
            supply=lambda others: SnapshotSource(snapshot, others),
        )
        return cls(around, snapshot)

    @property
    def token(self) -> str:
        """A word for this snapshot."""
        parts = sorted((name, part.digest.hex) for name, part in self.snapshot.manifest.parts.items())
        return f"snapshot-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"

    @property
    def broken_off(self) -> bool:
        """Whether a restore of this very snapshot was begun and is not finished."""
        record = newest(self.session.facts)
        return (
            record is not None
            and record.operation == Kind.RESTORE.value
            and record.previous.get(_OPEN) == self.token
        )

    def judge(self) -> None:
        """Whether it may be. Raises BundlerError (REFUSED), RefusedError; nothing is changed."""
        session = self.session
        index, record = session.bundle.index, newest(session.facts)
        here = Here(session.site.name, index.name, index.version, index.kubernetes, record, self._authority())
        check(self.snapshot.manifest, here, str(self.snapshot.path))
        named = (
            {host.address for host in record.hosts if host.role is Role.CONTROL_PLANE}
            if record
            else set[str]()
        )
        operation = Operation(Kind.RESTORE, Consents(lose=True, replaced=frozenset(named)))
        if refused := refuse(rough_view(session.site, session.facts, index, operation)):
            raise session.refused(refused)

    def losses(self) -> tuple[str, ...]:
        """What a person has to know before."""
        manifest, session = self.snapshot.manifest, self.session
        age = self.now - manifest.made
        hours = age.total_seconds() / 3600
        old = f"{hours:.0f} h" if hours >= 1 else f"{age.total_seconds() / 60:.0f} min"
        head = (
            f"{session.site.name}: restores etcd as it was at {manifest.made:%Y-%m-%d %H:%M} UTC ({old} ago)"
        )
        keys = counted(manifest.keys, "key")
        lines = [f"{head}, {keys}, Kubernetes {manifest.kubernetes}, made on {manifest.host}"]
        there = traced(session.site, session.facts)
        if there and not self.broken_off:
            lines.append(
                f"takes the cluster off {hosts(len(there))}; what was written since is lost for good"
            )
            lines += self._created()
        lines.append("data on volumes is not rolled back")
        outside = [
            address
            for address in session.facts.silent
            if address not in {h.address for h in session.site.hosts}
        ]
        if outside:
            lines.append(
                f"{', '.join(outside)} of the old site did not answer: they must stay off, or be wiped"
            )
        return tuple(lines)

    def plan(self) -> Plan:
        """What is done before the install around the data."""
        record = newest(self.session.facts)
        again = record is not None and record.operation == Kind.RESTORE.value
        return clear(self.session.site, self.session.facts, again=again)

    def foreseen(self) -> Plan:
        """The install that follows, as far as it is known before anything is cleared. Raises RefusedError."""
        session = self.session
        session.state.operation = Operation(Kind.APPLY, Consents(lose=True))
        made = session.plan(cleared(session.facts, planted(self.snapshot.manifest, newest(session.facts))))
        prepared = session.state.prepared
        if prepared is None or prepared.context is None:
            return made
        return restored(prepared.context, made, self.snapshot.manifest, self.token)

    def run(self, carry_out: Callable[[Plan], None]) -> Ended:
        """All of it. Raises what the steps do."""
        session = self.session
        if not session.kept_secrets:
            raise BundlerError(
                "the snapshot has none of the site's own keys",
                where=self.snapshot.path,
                code=ExitCode.INTEGRITY,
            )
        if not self.broken_off:
            before = newest(session.facts)
            cleared = self.plan()
            session.settle()
            if cleared.steps:
                carry_out(cleared)
                session.observe()
            made = planted(self.snapshot.manifest, before)
            marked = replace(made, previous={**made.previous, _OPEN: self.token})
            session.keep(marked, newest(session.facts))
        session.state.operation = Operation(Kind.APPLY, Consents(lose=True))
        return carry_on(session, carry_out, RestoreRun(session, carry_out, fresh=False, restore=self))

    def _authority(self) -> str:
        """Digest of the CA's certificate of the cluster that is here, "" for none."""
        for host in traced(self.session.site, self.session.facts):
            if host.is_control_plane:
                said = self._ask(
                    host.address, "sha256sum /etc/kubernetes/pki/ca.crt 2>/dev/null | cut -d' ' -f1"
                )
                if said:
                    return said[0]
        return ""

    def _created(self) -> list[str]:
        """What came into being since, where the API can still be asked."""
        since = f"{self.snapshot.manifest.made:%Y-%m-%dT%H:%M:%SZ}"
        for address, host in self.session.facts.hosts.items():
            if isinstance(host.api, Present):
                said = self._ask(address, script("kubectl.sh", "restore-lost.sh", since=since))
                found = [line.split() for line in said if len(line.split()) == 2]
                counts = ", ".join(f"{number} {kind}" for kind, number in found) or "nothing"
                return [f"created since: {counts}; what was changed or deleted since goes back, too"]
        return ["the API does not answer, so what was created since is unknown"]

    def _ask(self, address: str, text: str) -> list[str]:
        return self.session.transports[address].run(text, timeout=_TIMEOUT).stdout.split("\n")[:-1]


@dataclass(slots=True)
class RestoreRun(SiteRun):
    """The loop of an install, whose `init` finds the snapshot's keys and data in place."""

    restore: Restore | None = None

    def check(self, plan: Decided) -> None:
        """Make the steps, with those of the restore in front of an `init`."""
        SiteRun.check(self, plan)
        prepared = self.session.state.prepared
        begins = plan.stage is not None and plan.stage.verbs(Verb.INIT, Verb.FINISH_INIT, Verb.UNDO_INIT)
        if (
            not begins
            or self.restore is None
            or self.made is None
            or prepared is None
            or prepared.context is None
        ):
            return
        self.made = restored(prepared.context, self.made, self.restore.snapshot.manifest, self.restore.token)
