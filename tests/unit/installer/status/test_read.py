"""What status.sh prints is read; and the script prints no key, whatever lies beside a certificate."""

import base64
import os
import random
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bundler.installer.facts.gather import sections
from bundler.installer.plan.site_pki import SERVER_LIFETIME, renew
from bundler.installer.scripts.render import script
from bundler.installer.status import read
from bundler.installer.status.condition import Contents, Disk, HelmRelease, PastRun, Pod, Unit, Workload
from tests.unit.installer.plan import kit

NOW = datetime(2027, 3, 2, tzinfo=UTC)
PKI = renew(found="", site=kit.site(), now=NOW)
PAIR = PKI.registries[kit.CONTROL_PLANE]

ANSWER = f"""\
@@status-units
Id=kubelet.service
LoadState=loaded
ActiveState=inactive
SubState=dead
NRestarts=3
ActiveEnterTimestampMonotonic=10000000
InactiveEnterTimestampMonotonic=40000000
Id=containerd.service
LoadState=loaded
ActiveState=active
SubState=running
NRestarts=0
ActiveEnterTimestampMonotonic=90000000
InactiveEnterTimestampMonotonic=0
Id=bundler-vip.service
LoadState=not-found
ActiveState=inactive
SubState=dead
@@status-uptime
100.50
@@status-load
0.10 0.20 0.30
@@status-memory
MemTotal 2048
MemAvailable 1024
@@status-disks
/dev/vda1 1000 600 400 60% / /
/dev/vda1 1000 600 400 60% / /var/lib/kubelet
/dev/vdb1 1000 900 90 91% /data /var/lib/containerd
@@status-versions
containerd containerd containerd.io v2.1.4 abc
runc runc version 1.2.6
@@status-certificates
file /etc/bundler/registry.crt
{PAIR.certificate.strip()}
file /etc/kubernetes/admin.conf
data {base64.b64encode(PKI.ca_certificate.encode()).decode()}
file /etc/kubernetes/odd.conf
data ####
@@status-registry
there
code 401
has {"a" * 64}
@@status-runs
{{"operation": "apply", "result": "done", "by": "me@here", "ended": 5.0, "seconds": 2.5, "steps": 7}}
{{cut
{{"operation": "apply", "result": "done", "by": "me@here", "ended": "nan", "seconds": 2.5}}
@@status-clock
1795710724
@@status-pods
kube-system\tcoredns-1\tn1\tRunning\t10\t2 1 \tCrashLoopBackOff \tdns\t
shop\tweb-1\t\tPending
kube-system\tetcd-n1\tn1\tRunning\ts\t0 \t\t\t\t2026-11-26T16:31:54Z
shop\tnew-1\tn1\tRunning\t0\t0 \t\t\t\tyesterday
answered
@@status-workloads
Deployment\tshop\tweb\t2\t1\tshop\tshop
DaemonSet\tkube-system\tproxy\t3\t3
answered
@@status-releases
shop  sh.helm.release.v1.shop.v2   helm.sh/release.v1  1  3d  name=shop,owner=helm,status=superseded,version=2
shop  sh.helm.release.v1.shop.v10   helm.sh/release.v1  1  3d  name=shop,owner=helm,status=deployed,version=10
@@status-manifests
net\tDaemonSet\tkube-system\tcni
net\tList\t\t
@@status-end
"""


def test_an_answer_is_read() -> None:
    found = read.condition("10.0.0.2", sections(ANSWER))
    assert found.units == {
        "kubelet": Unit(active=False, seconds=60.5, restarts=3),
        "containerd": Unit(active=True, seconds=10.5),
    }
    assert (found.uptime, found.load, found.memory, found.memory_available) == (
        100.5,
        (0.1, 0.2, 0.3),
        2 << 20,
        1 << 20,
    )
    assert found.disks == (
        Disk("/", "/dev/vda1", "/", 600 << 10, 400 << 10),
        Disk("/data", "/dev/vdb1", "/var/lib/containerd", 900 << 10, 90 << 10),
    )
    assert [disk.percent for disk in found.disks] == [60, 91]
    assert found.versions == {"containerd": "2.1.4", "runc": "1.2.6"}
    assert found.registry is not None
    assert (found.registry.code, found.registry.manifests) == ("401", frozenset({"a" * 64}))
    assert found.runs == (PastRun("apply", "done", "me@here", 5.0, 2.5, steps=7),)


def test_what_runs_in_the_cluster_is_read() -> None:
    found = read.condition("10.0.0.2", sections(ANSWER)).contents
    assert found is not None
    assert found.pods == (
        Pod("kube-system", "coredns-1", "n1", "Running", 1, 2, 3, "CrashLoopBackOff", "dns"),
        Pod("shop", "web-1", "", "Pending"),
        Pod("kube-system", "etcd-n1", "n1", "Running", 0, 1, unstarted=1, age=10.0),
        Pod("shop", "new-1", "n1", "Running", 0, 1),
    )
    assert found.workloads == (
        Workload("Deployment", "shop", "web", 2, 1, "shop/shop"),
        Workload("DaemonSet", "kube-system", "proxy", 3, 3),
    )
    assert found.releases == (HelmRelease("shop", "shop", "deployed", 10),)
    assert found.manifests == {"net": ("DaemonSet/kube-system/cni",)}


def test_certificates_are_read_from_files_and_from_kubeconfigs() -> None:
    found = read.condition("10.0.0.2", sections(ANSWER)).certificates
    assert [(each.file, each.authority) for each in found] == [
        ("/etc/bundler/registry.crt", False),
        ("/etc/kubernetes/admin.conf", True),
    ]
    assert found[0].not_after < found[1].not_after
    assert found[0].not_after == pytest.approx((NOW + SERVER_LIFETIME).timestamp(), abs=7200)


@pytest.mark.parametrize("cut", ["@@status-workloads", "answered\n@@status-workloads"])
def test_an_api_that_was_cut_short_has_said_nothing(cut: str) -> None:
    """No pod seen is not the same as no pod there."""
    text = ANSWER.split(cut, maxsplit=1)[0]
    assert read.condition("10.0.0.2", sections(text)).contents is None


def test_an_empty_answer_is_a_condition_of_which_nothing_is_known() -> None:
    found = read.condition("10.0.0.2", {})
    assert (found.units, found.disks, found.certificates, found.registry, found.contents) == (
        {},
        (),
        (),
        None,
        None,
    )


def test_the_script_prints_certificates_and_no_key(tmp_path: Path) -> None:
    pki = tmp_path / "etc" / "kubernetes" / "pki"
    pki.mkdir(parents=True)
    (pki / "apiserver.crt").write_text(PAIR.certificate + PAIR.key)
    kubelet = tmp_path / "var" / "lib" / "kubelet" / "pki"
    kubelet.mkdir(parents=True)
    (kubelet / "kubelet-client-current.pem").write_text(PAIR.certificate + PAIR.key)
    encoded = base64.b64encode(PAIR.certificate.encode()).decode()
    secret = base64.b64encode(PAIR.key.encode()).decode()
    (pki.parent / "admin.conf").write_text(
        f"users:\n- user:\n    client-certificate-data: {encoded}\n    client-key-data: {secret}\n"
    )
    lock = tmp_path / "lock"
    lock.mkdir()
    (lock / "lock").write_text(f"token {os.getpid()} ops@deploy1, since yesterday\n")  # we don't have it open
    none = str(tmp_path / "none")
    text = str(script("status.sh", port="5000", store=none, manifests="", lock_folder=str(lock)))

    for folder in ("/etc/kubernetes", "/var/lib/kubelet", "/etc/bundler"):
        text = text.replace(folder, f"{tmp_path}{folder}")
    head = f'tell() {{ echo "@@$1"; }}\nask() {{ false; }}\nstate={tmp_path}/state conf={tmp_path}/none\n'
    ran = subprocess.run(["sh", "-c", head + text], capture_output=True, text=True, timeout=60, check=False)
    found = read.condition("h", sections(ran.stdout))
    assert [each.file.removeprefix(str(tmp_path)) for each in found.certificates] == [
        "/etc/kubernetes/pki/apiserver.crt",
        "/var/lib/kubelet/pki/kubelet-client-current.pem",
        "/etc/kubernetes/admin.conf",
    ]
    assert "PRIVATE" not in ran.stdout
    assert "token" not in ran.stdout
    assert found.holder == ""
    assert secret[:60] not in ran.stdout
    assert "@@status-end" in ran.stdout


def test_who_holds_the_host_is_told_while_the_lock_is_open(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    made = script("status.sh", port="1", store="/none", manifests="", lock_folder=str(tmp_path))
    head = f'tell() {{ echo "@@$1"; }}\nask() {{ false; }}\nstate={tmp_path}/state conf={tmp_path}/none\n'
    hold = f'exec 9<>"{lock}"; echo "token $$ ops@deploy1, since now" >{lock}; echo; read _'
    with subprocess.Popen(
        ["sh", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holding:
        assert holding.stdout is not None
        holding.stdout.readline()
        held = subprocess.run(
            ["sh", "-c", head + made], capture_output=True, text=True, timeout=60, check=False
        )
        holding.communicate("\n", timeout=20)
    after = subprocess.run(["sh", "-c", head + made], capture_output=True, text=True, timeout=60, check=False)
    assert read.condition("h", sections(held.stdout)).holder == "ops@deploy1, since now"
    assert read.condition("h", sections(after.stdout)).holder == ""


def test_no_answer_of_a_host_breaks_the_reading() -> None:
    """A host may print anything: characters are swapped, lines are cut, doubled and moved."""
    chance = random.Random(20261126)  # noqa: S311  (dice that fall alike every time)
    pieces = (
        "\t",
        " ",
        "@@",
        "=",
        "٣",
        "-1",
        "9" * 400,
        "\x00",
        "nan",
        "{}",
        "[1]",
        "file ",
        "data ",
        "has ",
        "",
    )
    for _ in range(400):
        lines = ANSWER.splitlines()
        for _ in range(chance.randrange(1, 30)):
            place = chance.randrange(len(lines))
            line = lines[place]
            cut = chance.randrange(len(line) + 1)
            lines[place] = line[:cut] + chance.choice(pieces) + line[cut + chance.randrange(3) :]
            if chance.random() < 0.2:
                lines.insert(chance.randrange(len(lines)), lines[place])
        found = read.condition("h", sections("\n".join(lines)))
        for look in (found.disks, found.certificates, found.runs, (found.contents or Contents()).pods):
            assert isinstance(look, tuple)
        assert all(0 <= disk.percent <= 100 for disk in found.disks)
