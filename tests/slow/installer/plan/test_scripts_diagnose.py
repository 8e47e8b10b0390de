"""What is said of an app that does not get ready, with a kubectl that plays the cluster."""

from pathlib import Path

import pytest

from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine
from tests.kits.transports import private_transport
from tests.slow.installer.plan.test_scripts_cluster import program

POD_EVENT = "pod-event"
LAST_WORDS = "[pod/db-0/db] last words"


def diagnosed(folder: Path, *, nodes: str = "", pods: str = "", warnings: str = "") -> list[str]:
    machine = Machine(folder)
    program(
        machine,
        "kubectl",
        f"""case $* in
'get nodes'*) printf '%s' '{nodes}' ;;
'get pods -A'*) printf '%s' '{pods}' ;;
'get events -A'*) printf '%s' '{warnings}' ;;
*'get events'*) echo '{POD_EVENT}   of the pod' ;;
*logs*) echo '{LAST_WORDS}' ;;
*) exit 1 ;;
esac""",
    )
    return machine.run(templates.load("diagnose.sh")).splitlines()


@pytest.mark.parametrize(
    ("status", "ready", "logs"),
    [
        ("ImagePullBackOff", "0/1", False),
        ("ErrImagePull", "0/2", False),
        ("Pending", "0/1", False),
        ("ContainerCreating", "0/1", False),
        ("Init:0/1", "0/1", False),
        ("Running", "0/1", False),
        ("CrashLoopBackOff", "0/1", True),
        ("Init:CrashLoopBackOff", "0/1", True),
        ("Error", "0/1", True),
        ("Init:Error", "0/1", True),
        ("OOMKilled", "0/1", True),
    ],
)
def test_a_pod_that_is_not_ready_is_shown_with_its_events(
    tmp_path: Path, status: str, ready: str, *, logs: bool
) -> None:
    said = diagnosed(tmp_path, pods=f"shop db-0 {ready} {status} 3 2m\n")
    assert said[0] == f"pod shop/db-0: {ready} ready, {status}, 3 restarts"
    assert said[1] == f"    {POD_EVENT}   of the pod"
    assert (f"    {LAST_WORDS}" in said) is logs


@pytest.mark.parametrize("state", ["1/1 Running", "0/1 Completed", "0/1 Succeeded"])
def test_what_is_well_is_not_shown(tmp_path: Path, state: str) -> None:
    nodes = "cp1 Ready control-plane 3m v1.37.2\n"
    assert diagnosed(tmp_path, nodes=nodes, pods=f"shop db-0 {state} 0 2m\n") == []


@pytest.mark.parametrize("state", ["NotReady", "Ready,SchedulingDisabled"])
def test_a_node_that_takes_no_pods_is_shown(tmp_path: Path, state: str) -> None:
    nodes = f"cp1 Ready control-plane 3m v1.37.2\nw1 {state} worker 3m v1.37.2\n"
    assert diagnosed(tmp_path, nodes=nodes) == [f"w1 {state} worker 3m v1.37.2"]


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ("ReplicaSet   shop   web-5d   FailedCreate   pods web-5d-x is forbidden: exceeded quota", True),
        ("StatefulSet  shop   db       FailedCreate   admission webhook denied the request", True),
        ("DaemonSet    shop   log      FailedCreate   serviceaccount log not found", True),
        ("Job          shop   init     BackoffLimitExceeded   Job has reached the limit", True),
        ("PersistentVolumeClaim   shop   data-db-0   ProvisioningFailed   no storage class", True),
        ("Node         default   w1   Rebooted   has been rebooted", False),
        ("Pod          shop   db-0   BackOff   told with the pod itself", False),
    ],
)
def test_what_has_no_pod_is_shown_by_its_own_warning(tmp_path: Path, event: str, *, shown: bool) -> None:
    said = diagnosed(tmp_path, warnings=f"{event}\n")
    kind, space, name, reason, *message = event.split()
    told = f"{kind} {space}/{name}: {reason} {' '.join(message)}"
    assert said == ([told] if shown else [])


def test_many_pods_and_warnings_are_cut(tmp_path: Path) -> None:
    pods = "".join(f"shop web-{n} 0/1 Pending 0 2m\n" for n in range(50))
    warnings = "".join(f"ReplicaSet shop web-{n} FailedCreate quota\n" for n in range(50))
    said = diagnosed(tmp_path, pods=pods, warnings=warnings)
    assert "and more pods that are not ready" in said
    assert len(said) == 4 * 2 + 1 + 4
    assert said[-1] == "ReplicaSet shop/web-49: FailedCreate quota"


@pytest.mark.parametrize(("status", "diagnosed"), [(0, False), (1, True), (75, True)])
def test_a_release_that_fails_in_any_way_is_looked_into(
    tmp_path: Path, status: int, *, diagnosed: bool
) -> None:
    """A hook's Job that failed, a webhook that is not there: what stands in the way is seen in the pods."""
    machine = Machine(tmp_path)
    program(machine, "start", f"echo helm said; exit {status}")
    variables = {"runtime": str(machine.bin), "library": "/none", "inputs": "x"}
    script = templates.script("helm.sh", **variables)
    text = f"diagnose() {{ echo the pods; }}\n( {script}\n) 2>&1; echo ended with $?"
    said = machine.run(text).splitlines()
    assert said == ["helm said", *(["the pods"] if diagnosed else []), f"ended with {status}"]


def test_while_helm_waits_the_pod_that_it_waits_for_is_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    asked = tmp_path / "asked"
    pods = "shop web-0 1/1 Running 0 2m\nshop db-0 0/1 ImagePullBackOff 0 2m\nshop db-1 0/1 Pending 0 2m\n"
    program(machine, "kubectl", f"printf '%s' '{pods}'; echo >>{asked}")
    # It ends once the pods were asked for twice: the first answer has been written by then.
    asked.touch()
    wait = f'n=0; while [ "$(wc -l <{asked})" -lt 2 ]'
    program(
        machine, "start", f"{wait}; do sleep 0.1; n=$((n + 1)); [ $n -lt 200 ] || exit 9; done; echo done"
    )
    variables = {"runtime": str(machine.bin), "library": "/none", "inputs": "x"}
    said = machine.run(f"pods_every=0.2\n{templates.script('helm.sh', **variables)}").splitlines()
    assert said[0] == "pod shop/db-0: 0/1 ready, ImagePullBackOff"
    assert said[-1] == "done"


def test_nothing_that_helm_leaves_behind_holds_the_step_up(tmp_path: Path) -> None:
    """A sleep that kept our output open would let every app take as long as it sleeps."""
    machine = Machine(tmp_path)
    program(machine, "start", "echo done")
    variables = {"runtime": str(machine.bin), "library": "/none", "inputs": "x"}
    script = templates.script("helm.sh", **variables).replace("/var/lib/bundler", str(machine.state))
    transport = private_transport("h")
    try:
        outcome = transport.run(f"pods_every=40\n{script}", timeout=30)
    finally:
        transport.close()
    assert (outcome.status, outcome.stdout) == (0, "done\n")
