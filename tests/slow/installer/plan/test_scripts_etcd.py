"""etcd's data from a snapshot: the scripts under a real shell, with a program that plays etcdutl."""

import subprocess
from pathlib import Path

import pytest

from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine

ETCDUTL = """\
echo "$*" >>"$(dirname "$0")/calls"
while [ $# -gt 1 ]; do
    [ "$1" != --data-dir ] || data=$2
    [ "$1 $2" != "snapshot restore" ] || file=$3
    shift
done
[ -s "$file" ] || { echo "expected sha256 [1], got [2]" >&2; exit 1; }
mkdir -p "$data/member" && cp "$file" "$data/member/db"
"""


class Etcd:
    """A host with etcd's data, a snapshot of it, and an etcdutl in a folder."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine(root)
        self.data, self.tools, self.snapshot = root / "etcd", root / "tools", root / "etcd.db"
        self.processes = root / "proc"
        (self.data / "member").mkdir(parents=True)
        (self.data / "member/db").write_text("new")
        self.snapshot.write_text("old")
        self.tools.mkdir()
        (self.tools / "etcdutl").write_text(f"#!/bin/sh\n{ETCDUTL}")
        (self.tools / "etcdutl").chmod(0o755)
        self.process("1", "systemd")
        self.machine.state.mkdir(parents=True)

    def process(self, pid: str, name: str) -> None:
        (self.processes / pid).mkdir(parents=True)
        (self.processes / pid / "comm").write_text(f"{name}\n")

    def restore(self, word: str = "t1") -> subprocess.CompletedProcess[str]:
        text = templates.script(
            "etcdutl.sh",
            "etcd-restore.sh",
            etcd_tools=str(self.tools),
            snapshot=str(self.snapshot),
            data=str(self.data),
            name="node-1",
            peer="https://10.0.0.2:2380",
            cluster="node-1=https://10.0.0.2:2380,node-2=https://10.0.0.3:2380",
            token=word,
            unhashed="",
        )
        put = text.replace("/var/lib/bundler", str(self.machine.state)).replace(
            "/proc/", f"{self.processes}/"
        )
        return subprocess.run(["sh", "-s"], input=put, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        file = self.tools / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def etcd(tmp_path: Path) -> Etcd:
    return Etcd(tmp_path)


def test_data_comes_from_the_snapshot_and_the_old_stays_beside_it(etcd: Etcd) -> None:
    assert etcd.restore().returncode == 0
    assert (etcd.data / "member/db").read_text() == "old"
    assert (etcd.data / "bundler-old/db").read_text() == "new"
    (call,) = etcd.calls()
    for words in (
        "--name node-1",
        "--initial-cluster node-1=https://10.0.0.2:2380,node-2=https://10.0.0.3:2380",
        "--initial-cluster-token t1",
        "--initial-advertise-peer-urls https://10.0.0.2:2380",
        "--bump-revision 1000000000 --mark-compacted",
    ):
        assert words in call


def test_what_was_restored_once_is_not_restored_again_over_what_was_written_since(etcd: Etcd) -> None:
    etcd.restore()
    (etcd.data / "member/db").write_text("written since")
    assert etcd.restore().returncode == 0
    assert (etcd.data / "member/db").read_text() == "written since"
    etcd.restore("t2")
    assert (etcd.data / "member/db").read_text() == "old"


def test_nothing_is_replaced_under_an_etcd_that_runs(etcd: Etcd) -> None:
    etcd.process("77", "etcd")
    done = etcd.restore()
    assert done.returncode == 1
    assert "still runs" in done.stderr
    assert (etcd.data / "member/db").read_text() == "new"


def test_an_altered_snapshot_leaves_the_data_as_it_is(etcd: Etcd) -> None:
    etcd.snapshot.write_text("")
    done = etcd.restore()
    assert done.returncode == 1
    assert "expected sha256" in done.stderr
    assert (etcd.data / "member/db").read_text() == "new"
    assert not (etcd.data / "bundler-new").exists()
