"""A restore as a whole: what is said and refused, the order of it, and how it goes on when it was cut."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.api import ApiObservation
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import HostObservation, Traces
from bundler.installer.facts.seen import Present, Unknown
from bundler.installer.operations import restore as restoring
from bundler.installer.operations.restore import Restore, SnapshotSource
from bundler.installer.plan.cluster.operation import Kind
from bundler.installer.plan.restore import SOURCE
from bundler.installer.plan.steps import Delivery, Plan
from bundler.installer.site.record import Record
from bundler.installer.snapshot import container
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import MemoryTransport
from tests.unit.installer.plan import kit
from tests.unit.installer.snapshot import kit as snapshots

OF = kit.site(1)
NOW = datetime(2027, 6, 8, 13, 12, 40, tzinfo=UTC)
CA = snapshots.CA


def facts(record: Record | None = None, *, traces: bool = False, api: bool = False) -> Facts:
    hosts = {}
    for address, host in kit.facts(OF).hosts.items():
        seen = HostObservation(
            address, f"m-{address}", ours=record is not None, traces=Traces(etcd_data=traces)
        )
        if record is not None:
            seen = replace(seen, record=Present(record), site=Present(record.site_id))
        hosts[address] = replace(host, site=seen)
        if api:
            hosts[address] = replace(hosts[address], api=Present(ApiObservation("uid")))
    return Facts(hosts, 0.0)


@dataclass
class Site:
    """Stands for a session: what is asked of it is written down."""

    facts: Facts
    said: dict[str, str] = field(default_factory=dict)  # by a word of the script
    calls: list[str] = field(default_factory=list)
    site: Any = OF
    bundle: Any = field(default_factory=lambda: SimpleNamespace(index=kit.index()))
    operation: Any = None
    kept: Record | None = None
    kept_secrets: str = ""
    supply: Callable[[Any], Any] = lambda source: source

    @property
    def state(self) -> "Site":
        return self

    @property
    def transports(self) -> dict[str, MemoryTransport]:
        def answer(script: str, _stdin: bytes) -> Outcome:
            return Outcome(0, next((text for word, text in self.said.items() if word in script), ""), "")

        return {host.address: MemoryTransport(host.address, answer) for host in OF.hosts}

    def settle(self) -> None:
        self.calls.append("settle")

    def observe(self) -> None:
        self.calls.append("observe")

    def keep(self, record: Record, before: Record | None) -> None:  # noqa: ARG002  (as a session has it)
        self.calls.append("keep")
        self.kept = record


def restore(tmp_path: Path, session: Site) -> Restore:
    snapshots.plain(tmp_path / "x.tar")
    made = Restore.of(session, container.read(tmp_path / "x.tar", None))  # type: ignore[arg-type]  # stands for one
    return replace(made, now=NOW)


def carried(made: Restore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The order in which things are done."""
    session: Site = made.session  # type: ignore[assignment]  # as above
    monkeypatch.setattr(restoring, "carry_on", lambda *_: session.calls.append("install"))

    def carry_out(stage: Plan) -> None:
        session.calls.append(f"clear {len(stage.steps)}")

    made.run(carry_out)
    return session.calls


def test_fresh_machines_are_installed_around_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = restore(tmp_path, Site(facts()))
    assert carried(made, monkeypatch) == ["settle", "keep", "install"]
    session: Site = made.session  # type: ignore[assignment]  # as above
    assert session.kept is not None
    assert (session.kept.site_id, session.kept.operation, session.kept.hosts) == ("s1", "restore", ())
    assert session.kept_secrets == '{"ca": "x"}'
    assert (session.operation.kind, session.operation.consents.lose) == (Kind.APPLY, True)


def test_a_cluster_that_is_here_is_cleared_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = restore(tmp_path, Site(facts(snapshots.RECORD, traces=True)))
    assert carried(made, monkeypatch) == ["settle", "clear 4", "observe", "keep", "install"]


def test_one_that_was_cut_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = restore(tmp_path, Site(facts(snapshots.RECORD, traces=True)))
    carried(first, monkeypatch)
    record = first.session.kept  # type: ignore[attr-defined]  # as above
    again = restore(tmp_path, Site(facts(record, traces=True)))
    assert again.broken_off
    assert carried(again, monkeypatch) == ["install"]


def test_another_snapshot_in_the_middle_of_a_restore_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = replace(snapshots.RECORD, operation="restore", previous={"restore": "snapshot-of-another"})
    made = restore(tmp_path, Site(facts(record, traces=True)))
    assert not made.broken_off
    assert "again=yes" in "".join(getattr(step, "script", "") for step in made.plan().steps)
    assert carried(made, monkeypatch) == ["settle", "clear 4", "observe", "keep", "install"]


def test_a_cluster_with_another_authority_is_not_replaced(tmp_path: Path) -> None:
    session = Site(facts(snapshots.RECORD, traces=True), {"ca.crt": f"{'0' * 64}\n"})
    with pytest.raises(BundlerError, match="from another cluster") as caught:
        restore(tmp_path, session).judge()
    assert caught.value.code is ExitCode.REFUSED
    assert session.calls == []
    restore(tmp_path, Site(facts(snapshots.RECORD, traces=True), {"ca.crt": f"{CA}\n"})).judge()


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    session = Site(
        facts(snapshots.RECORD, traces=True, api=True), {"api-resources": "ConfigMap 14\nSecret 3\n"}
    )
    said = "\n".join(restore(tmp_path, session).losses())
    assert "restores etcd as it was at 2027-06-08 09:12 UTC (4 h ago)" in said
    assert "takes the cluster off 2 hosts; what was written since is lost for good" in said
    assert "created since: 14 ConfigMap, 3 Secret" in said
    assert "volumes is not rolled back" in said


def test_old_machines_that_are_silent_are_named(tmp_path: Path) -> None:
    found = replace(facts(), silent={"10.9.9.9": Unknown("no answer")})
    assert "10.9.9.9 of the old site did not answer: they must stay off" in "\n".join(
        restore(tmp_path, Site(found)).losses()
    )


def test_deliveries_come_out_of_the_snapshot_or_out_of_the_bundle(tmp_path: Path) -> None:
    made = restore(tmp_path, Site(facts()))

    class Bundle:
        def describe(self, delivery: Delivery) -> tuple[Any, int]:
            return delivery.member, 1

        def chunks(self, delivery: Delivery) -> Any:
            return iter([delivery.member.encode()])

    source = SnapshotSource(made.snapshot, Bundle())
    database, other = Delivery(f"{SOURCE}etcd.db", "/x", 0o600), Delivery("root/bin/kubeadm", "/y", 0o755)
    assert source.describe(database) == (
        made.snapshot.manifest.parts["etcd.db"].digest,
        len(snapshots.DATABASE),
    )
    assert b"".join(source.chunks(database)) == snapshots.DATABASE
    assert b"".join(source.chunks(other)) == b"root/bin/kubeadm"
