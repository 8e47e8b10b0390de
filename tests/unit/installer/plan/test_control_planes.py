"""Several control planes: who joins after whom, what carries the keys, and what a worker's balancer knows."""

import base64
import io
import re
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bundler.core.errors import ExitCode, Problems
from bundler.installer.plan.steps import Exec, Plan, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import ExternalEndpoint, LocalEndpoint, Site, VirtualEndpoint
from tests.unit.installer.plan import kit
from tests.unit.installer.plan.test_decide import behind

BUNDLE = kit.index(packages=kit.BALANCED)
OF = kit.site(1, control_planes=3)
FIRST, SECOND, THIRD, WORKER = (host.address for host in OF.hosts)


def made(of: Site = OF) -> Plan:
    return kit.plan(of, bundle=BUNDLE)


def exec_of(step: Step) -> Exec:
    assert isinstance(step, Exec)
    return step


def written(step: Step) -> str:
    assert isinstance(step, Write)
    return step.content


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (f"control-plane/{SECOND}/join", f"control-plane/{FIRST}/init"),
        (f"control-plane/{THIRD}/join", f"control-plane/{SECOND}/settled"),
        (f"control-plane/{SECOND}/keys", f"control-plane/{FIRST}/pki"),
        (f"host/{SECOND}/endpoint", f"control-plane/{SECOND}/join"),
        (f"control-plane/{FIRST}/init", f"host/{FIRST}/endpoint"),
        (f"workers/{WORKER}/join", f"host/{WORKER}/endpoint-start"),
        (f"registry/{SECOND}/start", f"registry/{SECOND}/images"),
        (f"network/{FIRST}/nodes", f"control-plane/{THIRD}/settled"),
    ],
)
def test_order(later: str, earlier: str) -> None:
    assert earlier in behind(made(), later)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"workers/{WORKER}/join", f"control-plane/{SECOND}/join"),
        (f"control-plane/{FIRST}/init", f"distribute/{SECOND}/images"),
        (f"host/{WORKER}/endpoint-start", f"control-plane/{FIRST}/init"),
    ],
)
def test_what_does_not_wait(one: str, other: str) -> None:
    assert other not in behind(made(), one)


def test_only_one_control_plane_is_initialised() -> None:
    assert [step.host for step in made().steps if step.id.endswith("/init")] == [FIRST]


def test_the_one_that_is_up_is_the_one_that_others_join_by() -> None:
    """The first of the Clusterfile is new: it joins as any other."""
    found = kit.facts(OF)
    hosts = {**found.hosts, SECOND: kit.host_facts(SECOND, kubelet_config=True, admin_config=True)}
    steps = kit.steps(kit.plan(OF, type(found)(hosts, 0.0), BUNDLE))
    assert "seed=10.0.0.3\n" in exec_of(steps[f"control-plane/{FIRST}/join"]).script
    assert f"control-plane/{FIRST}/init" not in steps


def test_a_control_plane_joins_with_its_own_address() -> None:
    config = yaml.safe_load(written(kit.steps(made())[f"control-plane/{SECOND}/config"]))
    assert config["controlPlane"] == {"localAPIEndpoint": {"advertiseAddress": SECOND, "bindPort": 6443}}
    assert "controlPlane" not in yaml.safe_load(written(kit.steps(made())[f"workers/{WORKER}/config"]))


def test_no_step_but_the_one_that_writes_the_keys_holds_their_slot() -> None:
    slots = {step.id: step.slots for step in made().steps if isinstance(step, Write) and "pki" in step.slots}
    assert set(slots) == {f"control-plane/{SECOND}/keys", f"control-plane/{THIRD}/keys"}
    keys = kit.steps(made())[f"control-plane/{SECOND}/keys"]
    assert isinstance(keys, Write)
    assert (keys.mode, keys.secret) == (0o600, True)
    pki = exec_of(kit.steps(made())[f"control-plane/{FIRST}/pki"])
    assert (pki.secret, pki.capture) == (True, "pki")


NAMES = ("ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key")


def test_the_keys_arrive_for_root_alone_and_their_packing_goes(tmp_path: Path) -> None:
    """Both scripts for real, in a folder; kubeadm and systemctl are stand-ins that succeed."""
    source = tmp_path / "source"
    for name in (*NAMES, "etcd/ca.crt", "etcd/ca.key"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"text of {name}")
    pack = templates.load("pki.sh").replace("/etc/kubernetes/pki", str(source))
    packed = subprocess.run(["sh", "-c", pack], capture_output=True, check=True).stdout
    assert b"\n" not in packed
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as archive:
        assert len(archive.getnames()) == len(NAMES) + 2

    (tmp_path / "keys").write_bytes(packed)
    (tmp_path / "discovery").write_text("token")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("kubeadm", "systemctl"):
        (programs / name).write_text(
            f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\ncat {tmp_path}/hosts\n'
        )
        (programs / name).chmod(0o755)
    variables = dict.fromkeys(("config", "phases", "ignored", "inputs"), "")
    script = templates.script(
        "join-control-plane.sh",
        discovery=str(tmp_path / "discovery"),
        pki=str(tmp_path / "keys"),
        endpoint="api.local",
        seed="10.0.0.2",
        own="10.0.0.3",
        **variables,
    )
    fake = f"ledger_block() {{ cat >{tmp_path}/hosts; }}\nPATH={programs}:$PATH\numask 022\n"
    text = fake + script.replace("/etc/kubernetes", str(tmp_path / "target"))
    said = subprocess.run(["sh", "-c", text], capture_output=True, check=True, text=True).stdout
    assert said.startswith("10.0.0.2 api.local\n")  # while kubeadm runs
    assert (tmp_path / "hosts").read_text() == "10.0.0.3 api.local\n"
    assert not (tmp_path / "keys").exists()
    assert not (tmp_path / "discovery").exists()
    for key in (tmp_path / "target").rglob("*.key"):
        assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "target/pki/etcd/ca.key").read_text() == "text of etcd/ca.key"


def test_a_workers_balancer_asks_every_control_plane_for_its_health() -> None:
    config = written(kit.steps(made())[f"host/{WORKER}/endpoint-config"])
    assert set(re.findall(r"^    server \S+ (\S+)$", config, re.MULTILINE)) == {
        f"{address}:6443" for address in (FIRST, SECOND, THIRD)
    }
    for words in ("GET /readyz", "verify required", "inter 1s", "fall 2", "on-marked-down shutdown-sessions"):
        assert words in config


def test_haproxy_takes_the_configuration(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    argv = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=x", "-out", str(ca)]
    subprocess.run([*argv, "-keyout", str(tmp_path / "key")], check=True, capture_output=True)
    config = written(kit.steps(made())[f"host/{WORKER}/endpoint-config"])
    (tmp_path / "cfg").write_text(config.replace("/etc/bundler/cluster-ca.crt", str(ca)))
    argv = ["/usr/sbin/haproxy", "-c", "-f", str(tmp_path / "cfg")]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[WARNING]" not in done.stderr


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        (LocalEndpoint(), "127.0.0.1"),
        (VirtualEndpoint("10.0.0.99"), "10.0.0.99"),
        (ExternalEndpoint("10.9.9.9"), "10.9.9.9"),
    ],
)
def test_where_the_apis_name_leads(endpoint: LocalEndpoint, where: str) -> None:
    steps = kit.steps(made(replace(OF, endpoint=endpoint)))
    names = {host.address: exec_of(steps[f"host/{host.address}/endpoint"]).stdin for host in OF.hosts}
    for address in (FIRST, SECOND, THIRD):
        assert names[address] == f"{address} apiserver.cluster.local\n"
    assert names[WORKER] == f"{where} apiserver.cluster.local\n"


@pytest.mark.parametrize("address", ["10.0.0.99"])
def test_certificates_know_the_address_that_stands_before_the_control_planes(address: str) -> None:
    steps = kit.steps(made(replace(OF, endpoint=ExternalEndpoint(address))))
    documents = yaml.safe_load_all(written(steps[f"control-plane/{FIRST}/config"]))
    cluster = next(each for each in documents if each["kind"] == "ClusterConfiguration")
    assert cluster["apiServer"]["certSANs"] == [address]
    assert cluster["controlPlaneEndpoint"] == "apiserver.cluster.local:6443"


def test_without_haproxy_one_control_plane_is_asked_as_it_is() -> None:
    steps = kit.steps(kit.plan())
    assert exec_of(steps["host/10.0.0.3/endpoint"]).stdin == "10.0.0.2 apiserver.cluster.local\n"
    assert "host/10.0.0.3/endpoint-start" not in steps


def test_without_haproxy_several_are_refused_with_a_way_out() -> None:
    with pytest.raises(Problems) as caught:
        kit.plan(OF)
    assert caught.value.code is ExitCode.PREFLIGHT
    (problem,) = caught.value.problems
    assert (problem.location.file, problem.rule) == (WORKER, "balancer")
    assert "PACKAGE debian:bookworm haproxy" in problem.hint


def test_a_static_haproxy_in_bin_will_do() -> None:
    steps = kit.steps(kit.plan(OF, bundle=kit.index(files={"root/bin/haproxy": 9})))
    unit = written(steps[f"host/{WORKER}/endpoint-unit"])
    assert "ExecStart=/usr/local/bin/haproxy -W -db -f /etc/bundler/endpoint.cfg" in unit


def test_a_worker_more_changes_nothing_on_other_workers() -> None:
    large = kit.site(2, control_planes=3)
    found = kit.done_all(made(), kit.facts(OF))
    again = kit.plan(large, type(found)({**kit.facts(large).hosts, **found.hosts}, 0.0), BUNDLE)
    assert WORKER not in {step.host for step in again.steps}
