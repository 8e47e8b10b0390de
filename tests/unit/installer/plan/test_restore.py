"""What a restore clears, what comes before its init, and that nothing else may begin meanwhile."""

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import HostObservation, Traces
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.cluster.steps import Refused
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import Prepared, concrete, prepare
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.restore import SOURCE, clear, cleared, restored, traced
from bundler.installer.plan.snapshot_manifest import parse, planted
from bundler.installer.plan.steps import Deliver, Phase, Plan
from bundler.installer.scripts import render as templates
from bundler.installer.site.record import Record
from tests.unit.installer.plan import golden_text, kit
from tests.unit.installer.plan.test_power import before
from tests.unit.installer.snapshot import kit as snapshots

OF = kit.site(2, control_planes=3)
FIRST, *REST = (host.address for host in OF.hosts)
MANIFEST = parse(snapshots.manifest(), "x")
BUNDLE = kit.index(packages=kit.BALANCED)
AGREED = Operation(Kind.APPLY, Consents(lose=True))


def running(of: Facts, **traces: bool) -> Facts:
    """Every host is part of a cluster of ours."""
    hosts = {
        address: replace(
            host,
            kubelet_config=True,
            admin_config=True,
            site=HostObservation(address, f"machine-{address}", ours=True, traces=Traces(**traces)),
        )
        for address, host in of.hosts.items()
    }
    return replace(of, hosts=hosts)


def prepared(found: Facts, operation: Operation = AGREED) -> Prepared:
    secrets = kit.of_site(kit.SECRETS, OF)
    return prepare(OF, found, Contents(BUNDLE, kit.files_of(BUNDLE)), secrets, operation=operation)


def decided(found: Facts, operation: Operation = AGREED) -> Decided | Refused:
    made = prepared(found, operation)
    return decide(made.desired, made.observed, made.operation)


def begun(found: Facts) -> Facts:
    """After clearing: the record says that a restore has begun."""
    return cleared(found, planted(MANIFEST, None))


def plan(found: Facts) -> Plan:
    made = prepared(found)
    decision = decide(made.desired, made.observed, made.operation)
    assert isinstance(decision, Decided), decision
    assert made.context is not None
    return restored(made.context, concrete(made, decision), MANIFEST, "snapshot-1")


def test_every_host_with_traces_is_cleared_before_any_other_step() -> None:
    found = running(kit.facts(OF), kubelet_conf=True, etcd_data=True)
    made = clear(OF, found, again=False)
    golden_text.check("restore-clear-3+2", made)
    assert [host.address for host in traced(OF, found)] == [FIRST, *REST]
    halts = {step.id for step in made.steps if step.id.endswith("/halt")}
    assert all(set(step.after) == halts for step in made.steps if step.id.endswith("/clear"))


def test_fresh_machines_need_no_clearing() -> None:
    assert clear(OF, kit.facts(OF), again=False).steps == ()


@pytest.mark.parametrize("fresh", [True, False])
def test_the_data_is_there_before_the_init_and_nodes_are_forgotten_before_a_join(*, fresh: bool) -> None:
    found = kit.facts(OF) if fresh else running(kit.facts(OF), kubelet_conf=True, etcd_data=True, pki=True)
    made = plan(begun(running(found) if fresh else found))
    ids = Ids(FIRST)
    assert before(made, ids.init) >= {
        f"control-plane/{FIRST}/{what}" for what in ("restore-etcd", "restore-keys")
    }
    assert f"control-plane/{FIRST}/restore-keys" in before(made, ids.certs)
    for address in REST:
        join = Ids(address).member if address in {h.address for h in OF.control_planes} else Ids(address).join
        assert f"control-plane/{FIRST}/restore-nodes" in before(made, join), address
    assert ids.images in before(made, f"control-plane/{FIRST}/restore-etcd")


def test_the_whole_plan_as_a_person_reads_it() -> None:
    made = plan(begun(running(kit.facts(OF))))
    cluster = tuple(step for step in made.steps if step.phase in {Phase.CONTROL_PLANE, Phase.WORKERS})
    golden_text.check("restore-3+2", replace(made, steps=cluster, warnings=()))


def test_only_the_snapshots_own_files_come_out_of_it() -> None:
    made = plan(begun(running(kit.facts(OF))))
    (files,) = (
        step for step in made.steps if isinstance(step, Deliver) and step.files[0].member.startswith(SOURCE)
    )
    assert [(each.member, each.mode, each.digest) for each in files.files] == [
        (f"{SOURCE}{name}", 0o600, MANIFEST.parts[name].digest) for name in ("files.tar", "etcd.db")
    ]


def test_an_install_in_the_middle_of_a_restore_is_refused() -> None:
    decision = decided(begun(running(kit.facts(OF))), Operation())
    assert isinstance(decision, Refused)
    assert [each.rule for each in decision.refusals] == ["BND-RESTORE-OPEN"]
    assert decision.code is ExitCode.REFUSED


def test_a_plan_without_an_init_is_no_restore() -> None:
    made = prepared(begun(running(kit.facts(OF))))
    assert made.context is not None
    with pytest.raises(BundlerError) as caught:
        restored(made.context, Plan("x", ()), MANIFEST, "t")
    assert caught.value.code is ExitCode.BUG


def run(text: str, root: Path) -> subprocess.CompletedProcess[str]:
    moved = re.sub(r"/(etc/kubernetes|var/lib/\w+)", rf"{root}/\1", text).replace("-C / ", f"-C {root} ")
    return subprocess.run(["sh", "-c", moved], capture_output=True, text=True, check=False, env=os.environ)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    for path in (
        "etc/kubernetes/pki/ca.key", "etc/kubernetes/admin.conf", "etc/kubernetes/manifests/etcd.yaml",
        "var/lib/etcd/member/db", "var/lib/kubelet/pki/x", "etc/kubernetes/bundler/encryption.yaml",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("now")
    (tmp_path / "var/lib/bundler").mkdir()
    (tmp_path / "var/lib/bundler/journal").write_text(
        '{"inputs": {}, "revision": 1, "step": "host/10.0.0.2/prepare", "v": 1}\n'
        '{"inputs": {}, "revision": 1, "step": "control-plane/10.0.0.2/join", "v": 1}\n'
        '{"inputs": {}, "revision": 1, "step": "workers/10.0.0.3/join", "v": 1}\n'
    )
    return tmp_path


def test_clearing_keeps_the_data_and_what_the_cluster_is_made_with(host: Path) -> None:
    done = run(templates.script("restore-clear.sh", again=""), host)
    assert done.returncode == 0, done.stderr
    left = {str(path.relative_to(host)) for path in host.rglob("*") if path.is_file()}
    assert left == {
        "etc/kubernetes/bundler/encryption.yaml",
        "var/lib/etcd/bundler-old/db",
        "var/lib/bundler/journal",
    }
    assert "prepare" in (host / "var/lib/bundler/journal").read_text()
    assert "join" not in (host / "var/lib/bundler/journal").read_text()


def test_clearing_again_keeps_the_data_of_the_cluster_that_was(host: Path) -> None:
    run(templates.script("restore-clear.sh", again=""), host)
    (host / "var/lib/etcd/member").mkdir()
    (host / "var/lib/etcd/member/db").write_text("half a restore")
    assert run(templates.script("restore-clear.sh", again="yes"), host).returncode == 0
    assert (host / "var/lib/etcd/bundler-old/db").read_text() == "now"
    assert not (host / "var/lib/etcd/member").exists()


def test_only_the_keys_that_sign_are_unpacked(tmp_path: Path) -> None:
    names = (
        "ca.crt",
        "ca.key",
        "sa.key",
        "sa.pub",
        "front-proxy-ca.crt",
        "front-proxy-ca.key",
        "etcd/ca.crt",
        "etcd/ca.key",
    )
    keys = {f"etc/kubernetes/pki/{name}": name.encode() for name in names}
    others = {"etc/kubernetes/pki/apiserver.crt": b"x", "etc/kubernetes/manifests/etcd.yaml": b"x"}
    archive = tmp_path / "files.tar"
    archive.write_bytes(snapshots.files_tar({**keys, **others}))
    done = run(templates.script("restore-pki.sh", files=str(archive)), tmp_path)
    assert done.returncode == 0, done.stderr
    found = {str(path.relative_to(tmp_path)) for path in (tmp_path / "etc").rglob("*") if path.is_file()}
    assert found == set(keys)
    assert (tmp_path / "etc/kubernetes/pki/ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/kubernetes/pki/ca.crt").stat().st_mode & 0o777 == 0o644


def test_a_record_of_a_restore_stays_one_until_the_api_answers() -> None:
    record = planted(MANIFEST, Record("s1", "trial", generation=4))
    assert (record.generation, record.operation) == (8, "restore")
