"""What hosts answer, read into facts; and what becomes of hosts that give no answer."""

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.gather import SCRIPT, gather, parse
from bundler.installer.facts.model import CgroupVersion
from bundler.installer.facts.observed import JournalEntry
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import MemoryTransport, private_transport

STAMP = "0" * 64
ANSWER = f"""\
@@clock
1000.250000000
@@release
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
@@machine
x86_64
6.1.0-18-amd64
node-1
4
@@memory
MemTotal:        2048000 kB
@@swap
/dev/vda2 partition 1048572 0 -2
@@cgroup
cgroup2fs
@@virtualisation
kvm
@@user
0
@@disk
/dev/vda1      41151808 5000000  34000000      13% /
/dev/vdb1      10000000 5000000   5000000      50% /var/lib/my data
@@addresses
10.0.0.2 10.1.0.1
@@ports
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:B2A4 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   0: 00000000000000000000000000000000:192B 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 3
@@commands
tar
systemctl
@@packages
ii |containerd|1.6.20~ds1-1+b1
rc |gone|1.0
ii |tar|1.34
@@journal
{STAMP} runtime/10.0.0.2/containerd
{STAMP[:-9]} cut/short
@@ours
yes
@@apparmor
Y
@@oom
fixed
@@conntrack
@@kubernetes
kubelet
@@end
"""


def test_an_answer_is_read() -> None:
    facts = parse("10.0.0.2", ANSWER, asked_at=998.0)
    assert (facts.hostname, facts.os_id, facts.os_version, facts.os_codename) == (
        "node-1",
        "debian",
        "12",
        "bookworm",
    )
    assert (facts.architecture, facts.kernel, facts.cpus) == ("amd64", "6.1.0-18-amd64", 4)
    assert facts.memory == 2048000 * 1024
    assert facts.disk_free == {"/": 34000000 * 1024, "/var/lib/my data": 5000000 * 1024}
    assert (facts.swap, facts.cgroup, facts.virtualisation) == (True, CgroupVersion.V2, "kvm")
    assert facts.clock_offset == pytest.approx(2.25)
    assert facts.addresses == ("10.0.0.2", "10.1.0.1")
    assert facts.listening_ports == {22, 6443}
    assert facts.commands == {"tar", "systemctl"}
    assert facts.packages == {"containerd": "1.6.20~ds1-1+b1", "tar": "1.34"}
    assert facts.stamps == {"runtime/10.0.0.2/containerd": JournalEntry({}, 0)}  # an older bundler's line
    assert (facts.apparmor, facts.oom_score_adjustable, facts.conntrack_writable) == (True, False, True)
    assert (facts.kubelet_config, facts.admin_config, facts.foreign_cluster) == (True, False, False)


def test_a_cluster_without_our_journal_is_somebody_elses() -> None:
    assert parse("h", ANSWER.replace("yes\n", ""), asked_at=0).foreign_cluster


@pytest.mark.parametrize(
    "text", ["", "Welcome!\n", ANSWER.replace("@@end\n", ""), ANSWER.replace("\n4\n", "\nmany\n")]
)
def test_a_senseless_answer_names_its_host(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        parse("10.0.0.2", text, asked_at=0)
    assert (caught.value.code, caught.value.where) == (ExitCode.HOST, "10.0.0.2")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1000.250000000", "nan"),  # would pass for a clock that is right
        ("1000.250000000", "inf"),
        ("1000.250000000", "-5"),
        ("\n4\n", "\n-4\n"),
        ("\n4\n", f"\n{'9' * 5000}\n"),
        ("2048000 kB", f"{'9' * 30} kB"),
        ("34000000 ", "-1 "),
        ("34000000 ", "٣ "),
    ],
)
def test_odd_numbers_are_no_answer(old: str, new: str) -> None:
    assert old in ANSWER
    with pytest.raises(BundlerError) as caught:
        parse("10.0.0.2", ANSWER.replace(old, new), asked_at=0)
    assert (caught.value.code, caught.value.where) == (ExitCode.HOST, "10.0.0.2")


def test_this_machine_answers() -> None:
    """The script itself, run by a real shell as whoever runs the tests."""
    transport = private_transport("127.0.0.1")
    facts = gather({"127.0.0.1": transport}).hosts["127.0.0.1"]
    assert abs(facts.clock_offset) < 10
    assert facts.cpus >= 1
    assert "sha256sum" in facts.commands
    assert facts.disk_free["/"] > 0


def test_all_silent_hosts_are_named() -> None:
    def lost(_script: str, _stdin: bytes) -> Outcome:
        raise BundlerError("no ssh connection", code=ExitCode.HOST, where="somewhere")

    def answer(script: str, _stdin: bytes) -> Outcome:
        assert script == SCRIPT
        return Outcome(0, ANSWER, "")

    hosts = {
        "a": MemoryTransport("a", answer),
        "b": MemoryTransport("b", lost),
        "c": MemoryTransport("c", lambda *_: Outcome(127, "", "")),
    }
    with pytest.raises(BundlerError) as caught:
        gather(hosts)
    assert caught.value.code is ExitCode.HOST
    assert "2 of 3 hosts failed, 1 host is fine" in str(caught.value)
    assert "somewhere" in str(caught.value)
    assert "c: the host's answer can't be read" in str(caught.value)


def test_an_rpm_host_is_known_by_its_own_list() -> None:
    answer = ANSWER.replace(
        "@@journal\n", "@@rpms\nbash|5.1.8-9.el9\nopenssl|1:3.2.2-6.el9\nold|0:1-1\n@@journal\n"
    )
    facts = parse(
        "10.0.0.2", answer.replace("ID=debian\n", "ID=rocky\nID_LIKE='rhel centos fedora'\n"), asked_at=998.0
    )
    assert facts.packages["bash"] == "5.1.8-9.el9"
    assert facts.packages["openssl"] == "1:3.2.2-6.el9"
    assert facts.packages["old"] == "1-1"
    assert facts.os_like == ("rhel", "centos", "fedora")
