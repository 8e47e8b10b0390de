"""Snapshots by the clock: units on control planes alone; the script in a real shell, as the timer runs it."""

import json
import os
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError
from bundler.installer.facts.observed import HostObservation, UnitState
from bundler.installer.plan import paths
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.pieces import pieces_of
from bundler.installer.plan.steps import Exec, Write
from bundler.installer.plan.timed_snapshots import timed_snapshot_steps
from bundler.installer.scripts.render import load
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.expected import UnitGone
from bundler.installer.site.model import TimedSnapshots
from bundler.installer.snapshot import container
from tests.unit.installer.plan import kit
from tests.unit.installer.snapshot import kit as snapshots

OF = replace(kit.site(1, control_planes=3), snapshots=TimedSnapshots("6h", 2))


def test_each_control_plane_has_the_timer_and_no_worker() -> None:
    steps = kit.steps(kit.plan(OF, bundle=kit.index(packages=kit.BALANCED)))
    starts = [
        step for step in steps.values() if isinstance(step, Exec) and step.id.endswith("/snapshot-start")
    ]
    assert [step.host for step in starts] == [host.address for host in OF.control_planes]
    timer = steps[f"host/{kit.CONTROL_PLANE}/bundler-snapshot.timer"]
    assert isinstance(timer, Write)
    assert "OnUnitActiveSec=6h" in timer.content


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    assert not [step for step in kit.plan(kit.site()).steps if "snapshot" in step.id]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{every: 30m, keep: 3}", TimedSnapshots("30m", 3)),
        ("{}", TimedSnapshots("6h", 10)),
        ("{every: 5m}", None),
        ("{every: often}", None),
        ("{keep: 0}", None),
    ],
)
def test_the_clusterfile_says_how_often(tmp_path: Path, text: str, found: TimedSnapshots | None) -> None:
    (tmp_path / "site.yaml").write_text(
        "apiVersion: bundler/v1\nkind: Cluster\nmetadata: {name: shop}\n"
        f"spec: {{hosts: [{{ips: [10.0.0.2], roles: [control-plane]}}], snapshots: {text}}}\n"
    )
    if found is None:
        with pytest.raises(BundlerError, match="problem"):
            read_file(tmp_path / "site.yaml")
    else:
        assert read_file(tmp_path / "site.yaml").snapshots == found


PROGRAM = r"""#!/bin/sh
# etcdctl and etcdutl: a snapshot is a file with a word in it.
case "$*" in
*"snapshot save"*) for last in "$@"; do :; done; echo "etcd data" >"$last" ;;
*"snapshot status"*"-w json"*) echo '{"hash":7,"revision":4711,"totalKey":815,"totalSize":10}' ;;
*"snapshot status"*) echo "7, 4711, 815, 10" ;;
*"snapshot restore"*) [ -z "$BAD" ] || { echo "expected sha256 [1], got [2]" >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    files = {
        "etc/kubernetes/pki/ca.crt": "CA",
        "etc/kubernetes/manifests/etcd.yaml": "    image: registry.k8s.io/etcd:3.6.5-0\n",
        "etc/kubernetes/manifests/kube-apiserver.yaml": "    image: registry.k8s.io/kube-apiserver:v1.34.4\n",
        "var/lib/etcd/member/snap/db": "x",
        "var/lib/bundler/record.json": json.dumps(json.loads(snapshots.manifest())["record"]),
        "var/lib/bundler/secrets.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    for name in ("etcdctl", "etcdutl"):
        (tmp_path / "usr/local/bin" / name).write_text(PROGRAM)
        (tmp_path / "usr/local/bin" / name).chmod(0o755)
    return tmp_path


def fired(host: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the timer's unit runs."""
    (script,) = (
        step
        for step in kit.plan(OF, bundle=kit.index(packages=kit.BALANCED)).steps
        if isinstance(step, Write) and step.path == paths.SNAPSHOT_SCRIPT and step.host == kit.CONTROL_PLANE
    )
    text = re.sub(r"/(etc/kubernetes|var/lib/\w+|usr/local)", rf"{host}/\1", script.content)
    text = text.replace("tar -C / ", f"tar -C {host} ").replace('"/$path"', f'"{host}/$path"')
    return subprocess.run(
        ["sh", "-c", text], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def kept(host: Path) -> list[Path]:
    return sorted((host / "var/lib/bundler/timed-snapshots").glob("*"))


def test_what_is_kept_can_be_restored_and_is_for_root_alone(host: Path) -> None:
    done = fired(host)
    assert done.returncode == 0, done.stderr
    (file,) = kept(host)
    found = container.read(file, None)
    assert (found.manifest.kubernetes, found.manifest.etcd, found.manifest.keys) == (
        "v1.34.4",
        "3.6.5-0",
        815,
    )
    assert b"".join(found.part("etcd.db")) == b"etcd data\n"
    assert found.small("etc/kubernetes/pki/ca.crt") == b"CA"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert not (host / "var/lib/bundler/snapshot-timed").exists()


def test_the_newest_ones_stay(host: Path) -> None:
    for _ in range(3):
        assert fired(host).returncode == 0
        time.sleep(1.1)  # names have seconds
    assert len(kept(host)) == 2


def test_one_that_can_not_be_restored_is_not_kept(host: Path) -> None:
    assert fired(host).returncode == 0
    done = fired(host, BAD="yes")
    assert done.returncode != 0
    assert "expected sha256" in done.stderr
    assert len(kept(host)) == 1


def test_a_clusterfile_that_no_longer_asks_for_them_stops_the_timer() -> None:
    plain = replace(OF, snapshots=None)
    found = kit.facts(plain)
    timer = {paths.SNAPSHOT_TIMER: UnitState(enabled=True, active=True)}
    first, second, third, fourth = (host.address for host in plain.hosts)
    for address, units in ((first, timer), (second, {}), (third, timer), (fourth, {})):
        seen = HostObservation(address, address, units=units)
        hosts = {**found.hosts, address: replace(found.hosts[address], site=seen)}
        found = replace(found, hosts=hosts)
    context = context_of(plain, found, Contents(kit.index(packages=kit.BALANCED), {}), kit.SECRETS)
    steps = timed_snapshot_steps(context)
    assert [step.host for step in steps] == [first, third]
    assert all(isinstance(step, Exec) and step.id.endswith("without-bundler-snapshot") for step in steps)
    piece, _ = pieces_of(steps)
    assert piece.expected == UnitGone(paths.SNAPSHOT_TIMER)
    asked = replace(context, site=OF)
    assert not [step for step in timed_snapshot_steps(asked) if "without" in step.id]


def test_the_unit_goes_with_its_files_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n')
    (tmp_path / "bin/systemctl").chmod(0o755)
    for name in ("x.timer", "x.service", "script", "kept"):
        (tmp_path / name).write_text("")
    given = f"unit=x.timer\nfile={tmp_path}/x.timer\nalso='{tmp_path}/x.service {tmp_path}/script'\n"
    for _ in range(2):
        subprocess.run(
            ["/bin/sh", "-c", given + load("unit-gone.sh")],
            check=True,
            env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "calls", "kept"]
    assert "disable -q --now x.timer" in (tmp_path / "calls").read_text()
