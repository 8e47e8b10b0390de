"""What goes wrong at a site while it is installed, grows, shrinks and is taken down; and how it is mended.

One site, whose first machine is the engineer's alone. The tests run in the order in which they stand; each
one leaves a whole cluster to the next. What has to happen in the middle of something waits for the log to
say that this has begun; nothing is a matter of seconds.
"""

import json
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode
from bundler.installer.scripts.render import load
from tests.site import background, disk, lifecycle, link, power, product, ssh
from tests.site.amounts import rate
from tests.site.groups import host_groups
from tests.site.identity import Identity
from tests.site.spec import Machine, SiteSpec
from tests.site.tree import tree_of

pytestmark = [pytest.mark.site, pytest.mark.rotating("mishaps", kind="cluster")]

SPEC = SiteSpec("mishaps", IPv4Network("10.79.221.0/24"), 6)
ENGINEER, FIRST, SECOND, THIRD, STAYS, WORKER = SPEC.machines
_APPLY = "--clusterfile site.yaml"
_LIMIT = 1800.0
_FOREIGN = ("kube-apiserver", "kube-scheduler", "kube-controller-manager")
_BUDGET = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: held}
spec:
  replicas: 1
  selector: {matchLabels: {app: held}}
  template:
    metadata: {labels: {app: held}}
    spec:
      nodeName: NODE
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "docker.io/demo/web:1.0", command: [/bin/busybox, sleep, "86400"]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: keep-one}
spec: {minAvailable: 1, selector: {matchLabels: {app: held}}}
"""


def quiet(_text: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module", autouse=True)
def site(run_file: Path) -> Iterator[SiteSpec]:
    lifecycle.up(SPEC, quiet)
    try:
        product.carry(SPEC, run_file)
        yield SPEC
    finally:
        lifecycle.down(SPEC.name, quiet)


def described(control_planes: Sequence[Machine], workers: Sequence[Machine]) -> None:
    """Write site.yaml anew on the engineer's machine."""
    file = SPEC.run_dir / "site.yaml"
    file.write_text(product.described(SPEC.name, control_planes, workers))
    ssh.put(SPEC, ENGINEER, [file], "/root/")


def run(*words: str, code: int = ExitCode.OK) -> str:
    """What the command says, which ends with this code."""
    done = product.run(SPEC, *words, timeout=_LIMIT)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def kubectl(arguments: str) -> str:
    return ssh.on(SPEC, FIRST, f"kubectl {arguments}")


def settled(*machines: Machine) -> None:
    """These nodes and no others, all Ready; and a second run has nothing to do."""
    nodes = json.loads(kubectl("get nodes -o json"))["items"]
    ready = {
        node["metadata"]["name"]: [c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"]
        for node in nodes
    }
    assert ready == {machine.name: ["True"] for machine in machines}
    assert "nothing to do" in run(_APPLY)


def voters(*machines: Machine) -> None:
    """These are etcd's members, each of them a started voter."""
    lines = ssh.on(SPEC, FIRST, f"{load('etcd.sh')}\netcd_members").splitlines()
    found = {line.split(",")[2]: (line.split(",")[1], line.split(",")[5]) for line in lines}
    assert found == {machine.name: ("started", "false") for machine in machines}


def test_one_wrong_password_among_many_hosts_is_named_and_nothing_is_done() -> None:
    described([FIRST], [STAYS, WORKER])
    text = product.described(SPEC.name, [FIRST], [STAYS])
    own = (
        f"  - {{ips: [{WORKER.address}], roles: [worker], ssh: {{user: clerk, passwordFile: /root/wrong}}}}\n"
    )
    ssh.put(SPEC, ENGINEER, [Identity(SPEC.run_dir).password], "/root/")
    head, mark, tail = text.partition("\n---\n")
    quoted = f"{head}\n{own.rstrip()}{mark}{tail}"
    ssh.on(SPEC, ENGINEER, f"echo not-it >/root/wrong; cat >/root/wrong.yaml <<'EOF'\n{quoted}EOF")
    done = product.run(SPEC, "--clusterfile wrong.yaml", timeout=300)
    said = done.stdout + done.stderr
    assert done.returncode in {ExitCode.HOST, ExitCode.PREFLIGHT}, said  # the login, or sudo behind it
    ssh.on(SPEC, ENGINEER, "rm /root/wrong /root/wrong.yaml")
    assert str(WORKER.address) in said
    assert "not-it" not in said
    for machine in (FIRST, STAYS, WORKER):
        assert ssh.try_on(SPEC, machine, "test -e /etc/kubernetes").returncode, machine.name


def test_a_worker_that_is_off_is_left_out_with_a_word_and_listed() -> None:
    power.off(SPEC, WORKER, host_groups())
    done = product.run(SPEC, _APPLY, timeout=_LIMIT)
    assert done.returncode in {ExitCode.HOST, ExitCode.REFUSED}, done.stderr[-3000:]
    assert str(WORKER.address) in done.stderr
    assert ssh.try_on(SPEC, FIRST, "test -e /etc/kubernetes").returncode, "something was done"
    said = run(_APPLY, "--max-failed 1", code=ExitCode.PARTIAL)
    assert str(WORKER.address) in said
    nodes = kubectl("get nodes -o name").split()
    assert sorted(nodes) == sorted(f"node/{machine.name}" for machine in (FIRST, STAYS))
    listed = product.run(SPEC, f"status {_APPLY}", timeout=300)
    assert str(WORKER.address) in listed.stdout + listed.stderr


def test_a_node_that_is_rebooted_while_it_joins_is_joined_by_the_next_run() -> None:
    """The worker of before, which joins alone."""
    power.on(SPEC, WORKER, host_groups())
    joining = background.start(SPEC, ENGINEER, _APPLY)
    joining.until(f"workers/{WORKER.address}/join")
    power.off(SPEC, WORKER, host_groups())
    power.on(SPEC, WORKER, host_groups())
    joining.end(_LIMIT)  # whichever way
    run(_APPLY)
    settled(FIRST, STAYS, WORKER)


def test_a_disk_that_fills_up_while_it_is_copied_to_is_told_and_the_run_goes_on_with_room() -> None:
    """Over a slow cable, so that the copy is still going on when there is no room left."""
    described([FIRST, SECOND], [STAYS, WORKER])
    link.slow(SPEC, SECOND, host_groups(), rate("40mbit"), 0.0)
    copying = background.start(SPEC, ENGINEER, _APPLY)
    copying.until(f"distribute/{SECOND.address}/images")
    disk.fill(tree_of(SPEC, SECOND).disk)
    code = copying.end(_LIMIT)
    said = copying.said()
    disk.free(tree_of(SPEC, SECOND).disk)
    link.restore(SPEC, SECOND, host_groups())
    assert code == ExitCode.SPACE or "o space left" in said, said
    assert str(SECOND.address) in said
    run(_APPLY)
    settled(FIRST, SECOND, STAYS, WORKER)
    voters(FIRST, SECOND)


def test_an_installer_that_was_killed_during_a_join_is_followed_by_one_that_finishes_it() -> None:
    described([FIRST, SECOND, THIRD], [STAYS, WORKER])
    joining = background.start(SPEC, ENGINEER, _APPLY)
    joining.until(f"control-plane/{THIRD.address}/join")
    joining.kill()
    run(_APPLY)
    settled(FIRST, SECOND, THIRD, STAYS, WORKER)
    voters(FIRST, SECOND, THIRD)


def test_two_installers_exclude_each_other_and_a_dead_ones_leave_is_finished(run_file: Path) -> None:
    """The first is held up by a budget, at one control plane; the second is started at another one."""
    ssh.put(SPEC, SECOND, [run_file, SPEC.run_dir / "site.yaml", Identity(SPEC.run_dir).key], "/root/")
    ssh.put(SPEC, SECOND, [Identity(SPEC.run_dir).known_hosts], "/root/.ssh/")
    ssh.on(SPEC, SECOND, f"umask 022 && mkdir -p {product.TRUSTED}")
    ssh.put(SPEC, SECOND, [product.vendor_key().with_suffix(".pub")], f"{product.TRUSTED}/demo.pub")
    ssh.on(SPEC, FIRST, f"kubectl create -f - <<'EOF'\n{_BUDGET.replace('NODE', WORKER.name)}EOF")
    kubectl("rollout status deployment/held --timeout 120s")
    described([FIRST, SECOND, THIRD], [STAYS])
    leaving = background.start(SPEC, ENGINEER, f"{_APPLY} --prune")
    leaving.until(f"drain-{WORKER.address}")
    other = ssh.try_on(SPEC, SECOND, f"cd /root && exec ./demo.run {_APPLY}", timeout=300)
    assert other.returncode == ExitCode.BUSY, other.stderr
    assert "root" in other.stderr, "whose the first one is"
    leaving.kill()
    kubectl("delete poddisruptionbudget/keep-one deployment/held")
    run(_APPLY)  # that the host may go was agreed to before
    settled(FIRST, SECOND, THIRD, STAYS)
    left = "ls -d /etc/kubernetes /var/lib/etcd /var/lib/kubelet /var/lib/bundler 2>/dev/null"
    assert ssh.try_on(SPEC, WORKER, left).stdout == ""


def test_pulls_go_on_while_registries_are_killed() -> None:
    pods = json.loads(kubectl("get pods -n kube-system -o json"))["items"]
    images = {container["image"] for pod in pods for container in pod["spec"]["containers"]}
    foreign = [next(name for name in images if f"/{part}:" in name) for part in _FOREIGN]
    for machine, image in zip((FIRST, SECOND, THIRD), foreign, strict=True):
        pull = f"ctr -n k8s.io images pull --hosts-dir /etc/bundler/certs.d {image} >/dev/null 2>&1"
        # As a kubelet does, it asks again.
        tries = f"code=1; for try in 1 2 3 4 5; do if {pull}; then code=0; break; fi; sleep 2; done"
        tries = f"{tries}; echo $code >/root/pulled"
        ssh.on(SPEC, STAYS, f"rm -f /root/pulled; (setsid sh -c '{tries}' </dev/null >/dev/null 2>&1 &)")
        ssh.on(SPEC, machine, "systemctl kill --signal=KILL bundler-registry")
        deadline = time.monotonic() + 300
        while ssh.try_on(SPEC, STAYS, "test -s /root/pulled").returncode:
            assert time.monotonic() < deadline, f"{image} is not there after 300 s"
            time.sleep(0.5)
        assert ssh.on(SPEC, STAYS, "cat /root/pulled").strip() == "0", image


def test_a_control_plane_that_is_lost_for_good_is_replaced() -> None:
    power.off(SPEC, SECOND, host_groups())
    described([FIRST, THIRD, WORKER], [STAYS])
    refused = product.run(SPEC, _APPLY, timeout=600)
    assert refused.returncode != 0
    assert "--gone" in refused.stdout + refused.stderr
    run(_APPLY, f"--gone {SECOND.address}")
    settled(FIRST, THIRD, WORKER, STAYS)
    voters(FIRST, THIRD, WORKER)


def test_a_slow_and_lossy_cable_makes_a_join_long_and_no_worse() -> None:
    """10 Mbit/s, of which one packet in a hundred is lost."""
    described([FIRST, THIRD, WORKER], [])
    run(_APPLY, "--prune")
    settled(FIRST, THIRD, WORKER)
    described([FIRST, THIRD, WORKER], [STAYS])
    link.slow(SPEC, STAYS, host_groups(), rate("10mbit"), 1.0)
    try:
        run(_APPLY)
    finally:
        link.restore(SPEC, STAYS, host_groups())
    settled(FIRST, THIRD, WORKER, STAYS)


def test_an_installer_that_was_killed_during_delete_is_followed_by_a_whole_site() -> None:
    going = background.start(SPEC, ENGINEER, f"delete --yes {_APPLY}", log="demo-delete.log")
    going.until(f"remove/{STAYS.address}/")
    going.kill()
    assert "nothing to do" not in run(_APPLY)
    settled(FIRST, THIRD, WORKER, STAYS)
    run(f"delete --yes {_APPLY}")
    for machine in (FIRST, THIRD, WORKER, STAYS):
        assert ssh.try_on(SPEC, machine, "test -e /etc/kubernetes").returncode, machine.name
