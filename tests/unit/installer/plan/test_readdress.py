"""A site at other addresses: who moved, by which steps it is whole again, what the script does on a host."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import HostObservation, Traces
from bundler.installer.facts.seen import Present, Unknown
from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import prepare
from bundler.installer.plan.readdress import at_new_addresses, readdress_steps, who_moved
from bundler.installer.scripts.render import load
from bundler.installer.site.model import Role
from bundler.installer.site.moved import moved, moves
from bundler.installer.site.record import HostState, Product, Record, RecordedHost
from tests.unit.installer.plan import golden_certs, kit


def record(*addresses: str, controls: int = 1) -> Record:
    """Machines m0, m1, … at these addresses."""
    hosts = tuple(
        RecordedHost(
            address,
            f"m{number}",
            f"node-{number}",
            Role.CONTROL_PLANE if number < controls else Role.WORKER,
            HostState.MEMBER,
        )
        for number, address in enumerate(addresses)
    )
    kept = {f"{addresses[0]} /etc/x": "d"}
    return Record(
        "s", "trial", kubernetes="v1.34.4", products=(Product("demo", "1"),), hosts=hosts, kept=kept
    )


@pytest.mark.parametrize(
    ("machines", "pairs"),
    [
        ({"10.0.0.2": "m0", "10.0.0.3": "m1"}, {}),
        ({"10.9.0.2": "m0", "10.9.0.3": "m1"}, {"10.0.0.2": "10.9.0.2", "10.0.0.3": "10.9.0.3"}),
        ({"10.0.0.3": "m0", "10.0.0.2": "m1"}, {"10.0.0.2": "10.0.0.3", "10.0.0.3": "10.0.0.2"}),
        ({"10.0.0.2": "m0", "10.9.0.3": "m1"}, {"10.0.0.3": "10.9.0.3"}),
        ({"10.0.0.2": "m0", "10.9.0.2": "m0", "10.0.0.3": "m1"}, {}),  # a clone, which another rule refuses
    ],
)
def test_machines_are_known_by_their_id(machines: dict[str, str], pairs: dict[str, str]) -> None:
    assert moves(record("10.0.0.2", "10.0.0.3"), machines) == pairs


def test_the_record_moves_with_its_hosts() -> None:
    mixed = {"10.0.0.2": "amd64", "10.0.0.3": "arm64"}
    was = replace(record("10.0.0.2", "10.0.0.3"), architectures=mixed)
    now = moved(was, {"10.0.0.2": "10.0.0.3", "10.0.0.3": "10.0.0.2"})
    assert [(host.address, host.machine_id) for host in now.hosts] == [("10.0.0.3", "m0"), ("10.0.0.2", "m1")]
    assert now.kept == {"10.0.0.3 /etc/x": "d"}
    assert now.architectures == {"10.0.0.3": "amd64", "10.0.0.2": "arm64"}


def facts(was: Record | None, machines: dict[str, str], controls: int = 1) -> Facts:
    hosts = {}
    for number, (address, machine) in enumerate(machines.items()):
        control = number < controls
        seen = HostObservation(
            address,
            machine,
            node_name=f"node-{number}",
            ours=True,
            record=Present(was) if was and control else Unknown(),
            traces=Traces(pki=control, kubelet_conf=True, static_pods=control, etcd_data=control),
        )
        hosts[address] = kit.host_facts(
            address, hostname=f"node-{number}", site=seen, kubelet_config=True, admin_config=control
        )
    return Facts(hosts, 1000.0, api=Unknown("refused"), etcd=Unknown("refused"))


def test_what_is_not_this_site_is_refused() -> None:
    was, two = record("10.0.0.2", "10.0.0.3"), record("10.0.0.2", "10.0.0.3", controls=2)
    there = facts(was, {"10.9.0.2": "m0", "10.9.0.3": "m1"})
    assert who_moved(was, there, frozenset({"10.0.0.2", "10.0.0.3"}))
    swapped = facts(two, {"10.0.0.3": "m0", "10.0.0.2": "m1"})
    renamed = facts(record("10.0.0.3", "10.0.0.2"), {"10.9.0.3": "m1", "10.9.0.2": "m0"})
    for known, found, old, word in (
        (None, there, None, "no record"),
        (was, there, frozenset({"10.0.0.2"}), "lacks 10.0.0.3"),
        (was, renamed, None, "the node node-1 is called node-0 now"),
        (two, swapped, None, "another machine has 10.0.0.2, 10.0.0.3"),
        (was, facts(was, {"10.9.0.2": "m0"}), None, "the machine that was 10.0.0.3"),
    ):
        with pytest.raises(BundlerError, match=word) as error:
            who_moved(known, found, old)
        assert error.value.code is ExitCode.REFUSED
        assert error.value.fix


@pytest.mark.parametrize("controls", [1, 3])
def test_the_plan_reads_as_it_did(controls: int) -> None:
    was = record(*(f"10.7.0.{number}" for number in range(controls + 1)), controls=controls)
    site = kit.site(1, control_planes=controls)
    found = facts(was, {host.address: f"m{number}" for number, host in enumerate(site.hosts)}, controls)
    pairs = who_moved(was, found, None)
    bundle = kit.index(packages=kit.BALANCED) if controls > 1 else kit.index()
    contents = Contents(bundle, kit.files_of(bundle), ())
    pair = kit.SECRETS.registries[kit.CONTROL_PLANE]
    secrets = replace(kit.SECRETS, registries={host.address: pair for host in site.control_planes})
    prepared = prepare(
        site, at_new_addresses(found, pairs), contents, secrets, operation=Operation(Kind.READDRESS)
    )
    assert prepared.context is not None, "refused"
    golden_certs.check(f"readdress-{controls}+1", readdress_steps(prepared.context, pairs))


HOSTS = """\
127.0.0.1 localhost
10.0.0.2 theirs
# bundler begin site
10.0.0.2 node-1
10.0.0.21 node-3
# bundler end site
# bundler begin endpoint
10.0.0.2 apiserver.cluster.local
# bundler end endpoint
"""


ETCD = "metadata:\n  name: etcd\n- --listen=https://10.0.0.2:2379,https://10.0.0.2:2380\n"
CONF = "server: https://10.0.0.2:6443\nother: 110.0.0.2 10.0.0.21 10.0.0.20\n"


def host(tmp_path: Path, given: str) -> Callable[[], None]:
    """A control plane's files, and how to run the script there."""
    files = {
        "etc/hosts": HOSTS,
        "etc/kubernetes/manifests/etcd.yaml": ETCD,
        "etc/kubernetes/controller-manager.conf": CONF,
        "var/lib/kubelet/kubeadm-flags.env": 'KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.2"\n',
        "var/lib/bundler/journal": '{"step": "host/10.0.0.2/prepare"}\n{"step": "host/10.0.0.3/prepare"}\n',
        "etc/kubernetes/pki/apiserver.crt": "old",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("systemctl", "kubeadm"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\n')
        (tools / name).chmod(0o755)
    text = load("ledger.sh") + load("pods-anew.sh") + load("readdress.sh")
    for folder in ("/etc/", "/var/lib/"):
        text = text.replace(folder, f"{tmp_path}{folder}")
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}

    def run() -> None:
        subprocess.run(
            ["/bin/sh", "-c", given + text], input="config", text=True, check=True, env=environment
        )

    return run


def test_only_whole_addresses_change_and_swapped_ones_are_not_mixed_up(tmp_path: Path) -> None:
    run = host(tmp_path, "pairs='10.0.0.2=10.0.0.3 10.0.0.3=10.0.0.2'\ncontrol=yes\nlisten=\n")
    run()

    hosts = (tmp_path / "etc/hosts").read_text()
    assert "10.0.0.2 theirs" in hosts
    assert "10.0.0.3 node-1\n10.0.0.21 node-3\n" in hosts
    assert "10.0.0.3 apiserver.cluster.local" in hosts
    etcd = (tmp_path / "etc/kubernetes/manifests/etcd.yaml").read_text()
    assert "https://10.0.0.3:2379,https://10.0.0.3:2380" in etcd
    assert "bundler/anew" in etcd
    conf = (tmp_path / "etc/kubernetes/controller-manager.conf").read_text()
    assert conf == "server: https://10.0.0.3:6443\nother: 110.0.0.2 10.0.0.21 10.0.0.20\n"
    assert "--node-ip=10.0.0.3" in (tmp_path / "var/lib/kubelet/kubeadm-flags.env").read_text()
    journal = (tmp_path / "var/lib/bundler/journal").read_text()
    assert journal == '{"step": "host/10.0.0.3/prepare"}\n{"step": "host/10.0.0.2/prepare"}\n'
    assert not (tmp_path / "etc/kubernetes/pki/apiserver.crt").exists()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [line.split()[4] for line in calls if line.startswith("kubeadm")] == [
        "apiserver",
        "etcd-server",
        "etcd-peer",
    ]
    assert calls[0] == "systemctl stop kubelet.service"
    assert calls[-1] == "systemctl start kubelet.service"


def test_etcd_listens_where_its_peers_still_look_for_it_until_they_are_told(tmp_path: Path) -> None:
    """Peers dial the old addresses, which lead here: with nobody listening there, etcd never had a leader."""
    run = host(tmp_path, "pairs='10.0.0.2=10.9.0.2'\ncontrol=yes\nlisten=10.0.0.2\n")
    manifest = tmp_path / "etc/kubernetes/manifests/etcd.yaml"
    manifest.write_text("metadata:\n- --listen-peer-urls=https://10.0.0.2:2380\n")
    run()
    run()  # after a break: the same
    listens = "- --listen-peer-urls=https://10.9.0.2:2380"
    assert manifest.read_text().splitlines()[-1] == f"{listens},https://10.0.0.2:2380"
    (tmp_path / "bin/ip").write_text("#!/bin/sh\n")
    (tmp_path / "bin/ip").chmod(0o755)
    process = tmp_path / "proc/7"
    process.mkdir(parents=True)
    (process / "comm").write_text("etcd\n")
    (process / "cmdline").write_text(f"etcd\0{listens[2:]},https://10.0.0.2:2380\0")
    # The kubelet starts, and etcd with what its manifest says by now.
    began = f"printf 'etcd\\0--listen-peer-urls=https://10.9.0.2:2380\\0' >{process}/cmdline"
    (tmp_path / "bin/systemctl").write_text(f'#!/bin/sh\necho "systemctl $*" >>{tmp_path}/calls\n{began}\n')
    down = (
        load("readdress-bridge.sh")
        .replace("/etc/", f"{tmp_path}/etc/")
        .replace("/proc/", f"{tmp_path}/proc/")
    )
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    (tmp_path / "calls").unlink()
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", f"own=10.0.0.2\nothers=\nup=\n{down}"], check=True, env=environment)
        assert manifest.read_text().splitlines()[-1] == listens
    assert (tmp_path / "calls").read_text() == "systemctl restart kubelet.service\n"
    assert [path.name for path in manifest.parent.iterdir()] == ["etcd.yaml"]


def test_a_site_that_is_where_its_record_says_has_not_moved() -> None:
    was = record("10.0.0.2", "10.0.0.3")
    there = facts(was, {"10.0.0.2": "m0", "10.0.0.3": "m1"})
    assert who_moved(was, there, None) == {}
    assert at_new_addresses(there, {}) == there
