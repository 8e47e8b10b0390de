"""Other certificate authorities: the order over all hosts, what a host does in each stage, how it goes on."""

import base64
import os
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bundler.installer.plan.cluster.operation import Kind, Operation
from bundler.installer.plan.cluster.rules.aim import rotating
from bundler.installer.plan.cluster.view import View
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.order import arrange
from bundler.installer.plan.rotate import Stage, rotate_steps
from bundler.installer.plan.steps import Exec, Write
from bundler.installer.scripts.render import load
from tests.fakes.site.access import go
from tests.fakes.site.recipe import cp, desired, worker
from tests.fakes.site.site import Site
from tests.unit.installer.plan import golden_text, kit


def of_site(controls: int, workers: int) -> Context:
    site, bundle = kit.site(workers, control_planes=controls), kit.index()
    made = context_of(site, kit.facts(site), Contents(bundle, kit.files_of(bundle), ()), kit.SECRETS)
    return replace(made, running=True)


@pytest.mark.parametrize(("controls", "workers"), [(1, 0), (1, 1), (3, 2)])
def test_no_host_begins_a_stage_before_every_host_has_ended_the_one_before(
    controls: int, workers: int
) -> None:
    plan = arrange("rotate", rotate_steps(of_site(controls, workers)))
    behind: dict[str, set[str]] = {}
    for step in plan.steps:
        behind[step.id] = {*step.after, *(far for near in step.after for far in behind[near])}
    hosts = {
        stage: [step for step in plan.steps if step.id.endswith(f"/rotate-{stage.name.lower()}-host")]
        for stage in Stage
    }
    for stage in Stage:
        assert len(hosts[stage]) == controls + workers
        before = {step.id for step in hosts[Stage(stage - 1)]} if stage > Stage.BOTH else set()
        for step in hosts[stage]:
            assert before <= behind[step.id]
            assert any(name.endswith("rotate-begin") for name in behind[step.id])
    last = plan.steps[-1]
    assert last.id == "control-plane/10.0.0.2/rotate-end"
    assert {step.id for step in plan.steps} == {last.id, *behind[last.id]}
    restarts = [step for step in plan.steps if step.id.endswith("-restart")]
    assert [step.host for step in restarts] == [kit.CONTROL_PLANE] * 2
    assert {step.id for step in hosts[Stage.BOTH]} <= behind[restarts[0].id]
    assert all(restarts[0].id in behind[step.id] for step in hosts[Stage.NEW])


def test_control_planes_change_one_at_a_time() -> None:
    plan = arrange("rotate", rotate_steps(of_site(3, 2)))
    behind: dict[str, set[str]] = {}
    for step in plan.steps:
        behind[step.id] = {*step.after, *(far for near in step.after for far in behind[near])}
    for stage in Stage:
        name = f"rotate-{stage.name.lower()}"
        changed = [
            s for s in plan.steps if s.id.startswith("control-plane/") and s.id.endswith(f"{name}-host")
        ]
        for before, after in pairwise(changed):
            assert {f"control-plane/{before.host}/{name}-{w}" for w in ("pods", "etcd")} <= behind[after.id]


def test_keys_go_to_control_planes_alone_and_are_never_shown() -> None:
    steps = {step.id: step for step in rotate_steps(of_site(3, 2))}
    packed = [s for s in steps.values() if isinstance(s, Exec) and s.capture in {"rotate-keys", "rotate-ca"}]
    assert [(s.capture, s.secret, "control=yes" in s.script) for s in packed] == [
        ("rotate-keys", True, True),
        ("rotate-ca", True, False),
    ]
    writes = {s.host: s for s in steps.values() if isinstance(s, Write) and s.id.endswith("packed")}
    assert {host: write.slots for host, write in writes.items()} == {
        "10.0.0.3": ("rotate-keys",),
        "10.0.0.4": ("rotate-keys",),
        "10.0.0.5": ("rotate-ca",),
        "10.0.0.6": ("rotate-ca",),
    }
    assert all(write.secret and write.mode == 0o600 for write in steps.values() if isinstance(write, Write))
    assert "ca.key" not in load("rotate-pack.sh").partition("else")[2]


@pytest.mark.parametrize(("controls", "workers"), [(1, 1), (3, 2)])
def test_the_plan_reads_as_it_did(controls: int, workers: int) -> None:
    golden_text.check(
        f"rotate-ca-{controls}+{workers}",
        arrange("trial: new certificate authorities", rotate_steps(of_site(controls, workers))),
    )


OLD = {name: f"-----BEGIN CERTIFICATE-----\nold {name}\nsigold{name}\n-----END CERTIFICATE-----\n"
       for name in ("ca", "front-proxy-ca", "etcd/ca")}  # fmt: skip
NEW = {name: text.replace("old", "new") for name, text in OLD.items()}
MANIFEST = """\
metadata:
  name: POD
spec:
  - --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt
  - --cluster-signing-key-file=/etc/kubernetes/pki/ca.key
  - --root-ca-file=/etc/kubernetes/pki/ca.crt
"""
KUBEADM = """\
case "$*" in
*'init phase certs'*)
    dir=$(sed -n 's/^certificatesDir: //p' "$6")
    case $4 in etcd-ca) name=etcd/ca ;; *) name=$4 ;; esac
    mkdir -p "$dir/etcd"
    printf -- '-----%s CERTIFICATE-----\\n%s' BEGIN "new $name" >"$dir/$name.crt"
    printf -- '\\n%s\\n-----%s CERTIFICATE-----\\n' "signew$name" END >>"$dir/$name.crt"
    echo "new key $name" >"$dir/$name.key"
    ;;
*kubeconfig*)
    printf 'client-certificate-data: %s\\nclient-key-data: %s\\n' \
        "$(printf -- '-----BEGIN CERTIFICATE-----\\nx\\n' | base64 -w0)" "$(echo key | base64 -w0)"
    ;;
esac
"""


class Host:
    """A control plane's or a worker's files, with stand-ins for what the scripts call."""

    def __init__(self, root: Path, *, control: bool) -> None:
        self.root, self.control = root, control
        pki = root / "etc/kubernetes/pki"
        (pki / "etcd").mkdir(parents=True)
        for folder in (
            "etc/kubernetes/manifests",
            "var/lib/bundler",
            "var/lib/kubelet/pki",
            "etc/bundler",
            "bin",
        ):
            (root / folder).mkdir(parents=True)
        names = tuple(OLD) if control else ("ca",)
        for name in names:
            (pki / f"{name}.crt").write_text(OLD[name])
            if control:
                (pki / f"{name}.key").write_text(f"old key {name}\n")
        self._conf("kubelet")
        (root / "etc/bundler/cluster-ca.crt").write_text(OLD["ca"])
        if control:
            for name in ("admin", "controller-manager"):
                self._conf(name)
            for pod in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
                text = MANIFEST.replace("POD", pod)
                (root / f"etc/kubernetes/manifests/{pod}.yaml").write_text(self.at(text))
        for name, body in {"systemctl": "", "kubeadm": KUBEADM, "sync": ""}.items():
            tool = root / f"bin/{name}"
            tool.write_text(f'#!/bin/sh\necho "{name} $*" >>{root}/calls\n{body}')
            tool.chmod(0o755)

    def _conf(self, name: str) -> None:
        data = base64.b64encode(OLD["ca"].encode()).decode()
        text = f"cluster:\n    certificate-authority-data: {data}\nusers:\n    client-certificate-data: x\n"
        (self.root / f"etc/kubernetes/{name}.conf").write_text(text)

    def at(self, text: str) -> str:
        for folder in ("/etc/", "/var/lib/"):
            text = text.replace(folder, f"{self.root}{folder}")
        return text

    def run(self, *names: str, given: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
        text = given + self.at("".join(load(name) for name in names))
        environment = {**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        return subprocess.run(
            ["/bin/sh", "-c", text], input=stdin, text=True, check=False, env=environment, capture_output=True
        )

    def begin(self) -> None:
        assert self.run("rotate-begin.sh", stdin="kind: ClusterConfiguration\n").returncode == 0

    def stage(self, stage: Stage) -> None:
        client = self.root / "client"
        if not self.control:
            client.write_text(base64.b64encode(b"-----BEGIN CERTIFICATE-----\nx\n").decode())
        given = (
            f"stage={int(stage)}\nnode=n\ncontrol={'yes' if self.control else ''}\n"
            f"client={'' if self.control else client}\n"
        )
        names = ("kubelet-client.sh", "kubelet-take.sh", "pods-anew.sh", "rotate-host.sh")
        done = self.run(*names, given=given, stdin="config")
        assert done.returncode == 0, done.stderr
        assert not client.exists()

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def kept(self, name: str) -> str:
        return next((self.root / "var/lib/bundler/kept-ca").glob(f"*-kubernetes-pki/{name}")).read_text()

    def trusts(self, conf: str) -> str:
        line = next(x for x in self.text(f"etc/kubernetes/{conf}.conf").splitlines() if "authority" in x)
        return base64.b64decode(line.split()[1]).decode()


def test_a_control_plane_signs_with_the_first_and_trusts_all_of_a_file(tmp_path: Path) -> None:
    host = Host(tmp_path, control=True)
    host.begin()
    wanted = {
        Stage.BOTH: ((OLD, NEW), "old key", "signing-ca.crt"),
        Stage.NEW: ((NEW, OLD), "new key", "signing-ca.crt"),
        Stage.ONLY: ((NEW,), "new key", "ca.crt"),
    }
    for stage, (sources, key, signer) in wanted.items():
        trusted = {name: "".join(source[name] for source in sources) for name in OLD}
        host.stage(stage)
        for name in OLD:
            assert host.text(f"etc/kubernetes/pki/{name}.crt") == trusted[name]
            assert host.text(f"etc/kubernetes/pki/{name}.key").startswith(key)
        for conf in ("admin", "controller-manager", "kubelet"):
            assert host.trusts(conf) == trusted["ca"]
        assert host.text("etc/bundler/cluster-ca.crt") == trusted["ca"]
        manifest = host.text("etc/kubernetes/manifests/kube-controller-manager.yaml")
        assert f"--cluster-signing-cert-file={tmp_path}/etc/kubernetes/pki/{signer}\n" in manifest
        assert f"--root-ca-file={tmp_path}/etc/kubernetes/pki/ca.crt" in manifest
    assert not (tmp_path / "etc/kubernetes/pki/signing-ca.crt").exists()
    assert host.kept("ca.key") == "old key ca\n"
    assert host.run("rotate-verify.sh").returncode == 0
    assert host.run("rotate-end.sh").returncode == 0
    assert not (tmp_path / "var/lib/bundler/rotate-ca").exists()


def test_a_stage_that_was_reached_is_not_repeated_and_one_that_was_cut_begins_anew(tmp_path: Path) -> None:
    host = Host(tmp_path, control=True)
    host.begin()
    made = host.text("var/lib/bundler/rotate-ca/new/ca.key")
    (tmp_path / "bin/kubeadm").write_text("#!/bin/sh\nexit 1\n")  # it would make others
    host.begin()
    assert host.text("var/lib/bundler/rotate-ca/new/ca.key") == made
    host.stage(Stage.BOTH)
    calls = host.text("calls")
    host.stage(Stage.BOTH)
    assert host.text("calls") == calls
    names = ("kubelet-client.sh", "kubelet-take.sh", "pods-anew.sh", "rotate-host.sh")
    given = f"stage={int(Stage.NEW)}\nnode=n\ncontrol=yes\nclient=\n"
    assert host.run(*names, given=given, stdin="config").returncode != 0  # cut where kubeadm renews
    assert host.text("var/lib/bundler/rotate-ca/stage") == "1\n"
    (tmp_path / "bin/kubeadm").write_text(f"#!/bin/sh\n{KUBEADM}")
    host.stage(Stage.NEW)
    assert host.text("var/lib/bundler/rotate-ca/stage") == "2\n"
    assert host.trusts("kubelet") == NEW["ca"] + OLD["ca"]
    assert host.kept("ca.crt") == OLD["ca"]


def test_a_worker_learns_of_the_authority_without_its_key(tmp_path: Path) -> None:
    first, second = Host(tmp_path / "a", control=True), Host(tmp_path / "b", control=False)
    first.begin()
    packed = first.run("rotate-pack.sh", given="control=\n").stdout
    file = tmp_path / "b/packed"
    for _ in range(2):  # again after a break
        file.write_text(packed)
        assert second.run("rotate-take.sh", given=f"packed={file}\n").returncode == 0
        assert not file.exists()
    folder = tmp_path / "b/var/lib/bundler/rotate-ca"
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "new/ca.crt",
        "old/ca.crt",
    ]
    assert second.run("rotate-verify.sh").returncode != 0
    for stage, trusted in (
        (Stage.BOTH, OLD["ca"] + NEW["ca"]),
        (Stage.NEW, NEW["ca"] + OLD["ca"]),
        (Stage.ONLY, NEW["ca"]),
    ):
        second.stage(stage)
        assert second.trusts("kubelet") == second.text("etc/kubernetes/pki/ca.crt") == trusted
        found = second.run("rotate-verify.sh")
        assert (found.returncode == 0) == (stage is Stage.ONLY)
    assert "kubelet-client-current.pem" in second.text("etc/kubernetes/kubelet.conf")


def test_the_remains_of_another_rotation_are_not_mixed_with_this_one(tmp_path: Path) -> None:
    first, second = Host(tmp_path / "a", control=True), Host(tmp_path / "b", control=False)
    first.begin()
    other = tmp_path / "b/var/lib/bundler/rotate-ca/new"
    other.mkdir(parents=True)
    (other / "ca.crt").write_text("of another one")
    (tmp_path / "b/packed").write_text(first.run("rotate-pack.sh", given="control=\n").stdout)
    done = second.run("rotate-take.sh", given=f"packed={tmp_path}/b/packed\n")
    assert done.returncode == 1
    assert "another rotation" in done.stderr
    assert (other / "ca.crt").read_text() == "of another one"


def test_an_authority_whose_key_somebody_else_keeps_is_not_replaced(tmp_path: Path) -> None:
    host = Host(tmp_path, control=True)
    (tmp_path / "etc/kubernetes/pki/ca.key").unlink()
    done = host.run("rotate-begin.sh", stdin="kind: ClusterConfiguration\n")
    assert done.returncode == 1
    assert "ca.key is missing" in done.stderr
    assert not (tmp_path / "var/lib/bundler/rotate-ca").exists()


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (Kind.APPLY, True),
        (Kind.RENEW, True),
        (Kind.ROLLBACK, True),
        (Kind.ROTATE, False),
        (Kind.DELETE, False),
    ],
)
def test_until_it_is_finished_nothing_else_begins(kind: Kind, refused: bool) -> None:  # noqa: FBT001  (of a table)
    of = desired([cp(1)], [worker(1)])
    site = Site.of([cp(1), worker(1)])
    assert go(site, of).done
    site.machines[worker(1)].rotating = True
    found = list(rotating(View(of, site.observe(), Operation(kind))))
    assert [each.rule for each in found] == (["BND-ROTATION-OPEN"] if refused else [])
    assert all(worker(1) in each.where and "certs rotate-ca" in each.fix for each in found)
