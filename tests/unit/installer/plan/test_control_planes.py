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
from bundler.core.index import Index
from bundler.installer.facts.model import Facts
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
        (f"control-plane/{THIRD}/join", f"control-plane/{FIRST}/room-for-{THIRD}"),
        (f"control-plane/{FIRST}/room-for-{THIRD}", f"control-plane/{SECOND}/settled"),
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
    assert written(steps[f"control-plane/{FIRST}/discovery"]).startswith(f"# seed {SECOND}\n")
    assert f"control-plane/{FIRST}/init" not in steps


def test_one_that_joined_never_begins_a_cluster() -> None:
    """The first of the Clusterfile, which began it, is gone from the file."""
    found = kit.done_all(made(), kit.facts(OF))
    hosts = {
        host: replace(each, admin_config=host != WORKER)
        for host, each in found.hosts.items()
        if host != FIRST
    }
    rest = replace(OF, hosts=OF.hosts[1:])
    again = kit.plan(rest, type(found)(hosts, 0.0), BUNDLE)
    assert not [step.id for step in again.steps if step.id.endswith(("/init", "/certs", "/join"))]
    assert {step.id for step in again.steps if step.host == WORKER} >= {
        f"host/{WORKER}/endpoint-config",
        f"host/{WORKER}/endpoint-start",
        f"runtime/{WORKER}/mirror-docker.io",
    }


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
    (tmp_path / "discovery").write_text("# seed 10.0.0.2\ntoken\n")
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
    of = replace(OF, endpoint=endpoint)
    steps = kit.steps(kit.plan(of, in_network(of), KEEPALIVED))
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


VIP = replace(OF, endpoint=VirtualEndpoint("10.0.0.99"))
KEEPALIVED = kit.index(packages=(*kit.BALANCED, kit.package("keepalived", requested=True)))


def in_network(of: Site, network: str = "24") -> Facts:
    return Facts(
        {
            host.address: kit.host_facts(host.address, networks=(f"eth0 {host.address}/{network}",))
            for host in of.hosts
        },
        0.0,
    )


def test_a_virtual_address_is_looked_for_before_anything_begins() -> None:
    plan = kit.plan(VIP, in_network(VIP), KEEPALIVED)
    (first,) = (step for step in plan.steps if not step.after)
    assert first.id == f"preflight/{FIRST}/vip"
    answers = f"host/{WORKER}/endpoint-answers"
    assert {f"control-plane/{each}/vip-start" for each in (FIRST, SECOND, THIRD)} <= behind(plan, answers)


def test_keepalived_speaks_to_its_peers_alone(tmp_path: Path) -> None:
    steps = kit.steps(kit.plan(VIP, in_network(VIP), KEEPALIVED))
    config = written(steps[f"control-plane/{SECOND}/vip-config"])
    assert re.findall(r"^        (10\.\S+)$", config, re.MULTILINE) == [FIRST, THIRD]
    assert "10.0.0.99/32 dev eth0" in config
    priorities = {
        re.findall(r"priority (\d+)", written(steps[f"control-plane/{each}/vip-config"]))[0]
        for each in (FIRST, SECOND, THIRD)
    }
    assert len(priorities) == 3
    (tmp_path / "vip.conf").write_text(config)
    argv = ["/usr/sbin/keepalived", "--config-test", f"--use-file={tmp_path}/vip.conf"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    # This machine has neither the interface nor the script.
    missing = re.compile("vip-check|interface|track script api|no VRRP")
    assert not [line for line in done.stderr.splitlines() if not missing.search(line)]


@pytest.mark.parametrize(
    ("of", "found", "bundle", "rules"),
    [
        (VIP, in_network(VIP, "31"), KEEPALIVED, {"vip-network"}),
        (VIP, in_network(VIP), BUNDLE, {"vip-program"}),
    ],
)
def test_a_virtual_address_that_cannot_be_is_refused(
    of: Site, found: Facts, bundle: Index, rules: set[str]
) -> None:
    with pytest.raises(Problems) as caught:
        kit.plan(of, found, bundle)
    assert {problem.rule for problem in caught.value.problems} == rules


IP = """#!/bin/sh
case "$*" in
"-o addr show") echo "2: eth0 inet 10.0.0.2/24 brd" ;;
"neigh show to 10.0.0.99 dev eth0") [ -z "$OWNER" ] || echo "10.0.0.99 lladdr $OWNER REACHABLE" ;;
"neigh show to 10.0.0.3 dev eth0") echo "10.0.0.3 lladdr 02:00:00:00:00:03 REACHABLE" ;;
esac
"""


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("", ""),  # nobody answers
        ("02:00:00:00:00:03", ""),  # a control plane of this site
        ("02:00:00:00:00:77", "10.0.0.99, the API's virtual address, is in use: 02:00:00:00:00:77 answers"),
    ],
)
def test_an_address_that_somebody_has_is_refused(tmp_path: Path, owner: str, said: str) -> None:
    (tmp_path / "ip").write_text(IP)
    (tmp_path / "ip").chmod(0o755)
    (tmp_path / "sleep").symlink_to("/bin/true")
    script = templates.script("vip-free.sh", address="10.0.0.99", device="eth0", hosts="10.0.0.2 10.0.0.3")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OWNER": owner}
    done = subprocess.run(["sh", "-c", script], env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode, bool(done.stderr)) == ((1, True) if said else (0, False))
    assert said in done.stderr
