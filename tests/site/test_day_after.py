"""The day after on machines: maintenance, a site off and on, a snapshot, and the way back from it."""

import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode
from tests.site import lifecycle, power, product, ssh
from tests.site.groups import host_groups
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.rotating("day-after", kind="cluster")]

SPEC = SiteSpec("dayafter", IPv4Network("10.79.216.0/24"), 2)
_FILE = "--clusterfile site.yaml"
_OBJECTS = 100
_ETCD = "ps -e -o comm= | grep -cx etcd || :"
_HELD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: held}
spec:
  selector: {matchLabels: {app: held}}
  template:
    metadata: {labels: {app: held}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "docker.io/demo/web:1.0", command: [/bin/busybox, sleep, "86400"]}
      nodeSelector: {kubernetes.io/hostname: node-2}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: keep-one}
spec: {minAvailable: 1, selector: {matchLabels: {app: held}}}
"""


def quiet(_text: str) -> None:
    """Progress that nobody reads."""


def did(command: str, code: ExitCode = ExitCode.OK) -> str:
    """What the product said, on both streams."""
    done: subprocess.CompletedProcess[str] = product.run(SPEC, command)
    said = done.stdout + done.stderr
    assert done.returncode == code, said[-4000:]
    return said


def on_first(script: str) -> str:
    return ssh.on(SPEC, SPEC.machines[0], script)


def objects() -> dict[str, str]:
    """ConfigMaps of ours by name, and a Secret, which is encrypted at rest."""
    line = "'{range .items[*]}{.metadata.name}={.data.text} {end}'"
    found = product.kubectl(SPEC, f"get configmaps -l ours=yes -o jsonpath={line}").split()
    secret = product.kubectl(SPEC, "get secret ours -o 'jsonpath={.data.word}'")
    return {**dict(each.split("=") for each in found), "secret": secret}


def write_objects() -> None:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata:"
    items = "".join(
        f"{head} {{name: ours-{n}, labels: {{ours: 'yes'}}}}\ndata: {{text: t{n}}}\n---\n"
        for n in range(_OBJECTS)
    )
    on_first(f"cat >/root/objects.yaml <<'EOF'\n{items}EOF")
    product.kubectl(SPEC, "create -f /root/objects.yaml")
    product.kubectl(SPEC, "create secret generic ours --from-literal=word=hidden")


@pytest.fixture(scope="module")
def backup(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site with objects; what is to outlive its machines goes into this folder."""
    lifecycle.up(SPEC, quiet)
    try:
        product.carry(SPEC, run_file)
        did(_FILE)
        write_objects()
        yield tmp_path_factory.mktemp("backup")
    finally:
        lifecycle.down(SPEC.name, quiet)


def test_a_budget_holds_a_maintenance_up_and_is_named(backup: Path) -> None:  # noqa: ARG001  (it makes the site)
    worker = str(SPEC.machines[1].address)
    assert "nothing can run elsewhere" in did(f"maintenance {worker} {_FILE}", ExitCode.REFUSED)
    product.kubectl(SPEC, "taint nodes node-1 node-role.kubernetes.io/control-plane-")
    on_first(f"cat >/root/held.yaml <<'EOF'\n{_HELD}EOF")
    product.kubectl(SPEC, "create -f /root/held.yaml")
    product.kubectl(SPEC, "rollout status deployment/held --timeout 120s")
    said = did(f"maintenance {worker} --limit 10 {_FILE}", ExitCode.STEP)
    assert "is held by the disruption budget keep-one" in said
    assert "pod/held-" in said
    product.kubectl(SPEC, "delete poddisruptionbudget keep-one")
    did(f"maintenance {worker} --limit 120 {_FILE}")
    cordoned = "get node node-2 -o 'jsonpath={.spec.unschedulable}'"
    did(_FILE)  # an apply meanwhile
    assert product.kubectl(SPEC, cordoned) == "true"
    did(f"maintenance {worker} --done {_FILE}")
    assert product.kubectl(SPEC, cordoned) == ""
    product.kubectl(SPEC, "cordon node-2")
    assert "a person did that" in did(f"maintenance {worker} --done {_FILE}")
    product.kubectl(SPEC, "uncordon node-2")


def test_a_site_goes_off_and_on(backup: Path) -> None:  # noqa: ARG001  (as above)
    before = objects()
    did(f"shutdown --yes --grace 5 {_FILE}")
    for machine in SPEC.machines:
        running = (
            "ctr -n k8s.io containers ls -q 'labels.\"io.cri-containerd.kind\"==container' | sort >/tmp/c; "
        )
        running += "ctr -n k8s.io tasks ls | grep RUNNING | cut -d' ' -f1 | sort | comm -12 - /tmp/c"
        assert ssh.on(SPEC, machine, running) == ""
    assert on_first(_ETCD).strip() == "0"
    assert "runs" in did(f"start {_FILE}")
    assert objects() == before
    assert all(product.ready_nodes(SPEC).values())


def test_a_power_cut_takes_all_and_a_start_waits_and_names_who_is_missing(backup: Path) -> None:  # noqa: ARG001  (as above)
    before, groups = objects(), host_groups()
    for machine in SPEC.machines:
        power.off(SPEC, machine, groups)
    power.on(SPEC, SPEC.machines[0], groups)
    said = did(f"start --wait 1 {_FILE}", ExitCode.PARTIAL)
    assert str(SPEC.machines[1].address) in said
    assert objects() == before
    power.on(SPEC, SPEC.machines[1], groups)
    did(f"start {_FILE}")
    assert all(product.ready_nodes(SPEC).values())


def test_a_snapshot_brings_back_the_same_machines_and_fresh_ones(backup: Path, run_file: Path) -> None:
    before = objects()
    on_first("umask 077 && echo 'correct horse' >/root/phrase && mkdir -p /root/backup")
    said = did(f"snapshot --to /root/backup --passphrase-file /root/phrase {_FILE}")
    assert "the trial restore passed" in said
    name = on_first("ls /root/backup").strip()
    assert name.startswith(f"{SPEC.name}-")
    on_first(f"cd /root/backup && head -c -100 {name} >cut && cp {name} altered")
    on_first("printf 'another word' | dd of=/root/backup/altered bs=1 seek=90000 conv=notrunc 2>/dev/null")
    for bad in ("cut", "altered"):
        restore = f"restore --from /root/backup/{bad} --passphrase-file /root/phrase --yes {_FILE}"
        assert "altered or damaged" in did(restore, ExitCode.INTEGRITY)
    product.kubectl(SPEC, "create configmap later --from-literal=text=lost")
    product.kubectl(SPEC, "delete configmap ours-7")

    restore = f"restore --from /root/backup/{name} --passphrase-file /root/phrase {_FILE}"
    shown = did(f"{restore} --plan")
    assert "restore-etcd" in shown
    assert "1 ConfigMap" in shown
    assert f"--confirm {SPEC.name}" in did(restore, ExitCode.USAGE)
    did(f"{restore} --confirm {SPEC.name}")
    assert objects() == before
    assert "later" not in product.kubectl(SPEC, "get configmaps -o name")
    product.wait_for_pages(SPEC)

    archive = backup / name
    archive.write_bytes(
        subprocess.run(
            [*ssh.command(SPEC, SPEC.machines[0]), f"cat /root/backup/{name}"],
            check=True,
            capture_output=True,
        ).stdout
    )
    lifecycle.down(SPEC.name, quiet)
    lifecycle.up(SPEC, quiet)
    product.carry(SPEC, run_file)
    ssh.put(SPEC, SPEC.machines[0], [archive], "/root/")
    on_first("umask 077 && echo 'correct horse' >/root/phrase")
    did(f"restore --from /root/{name} --passphrase-file /root/phrase --yes {_FILE}")
    assert objects() == before
    assert all(product.ready_nodes(SPEC).values())
    product.wait_for_pages(SPEC)
    assert "nothing to do" in did(_FILE)
