"""Renewing: which steps a control plane and a worker take, with the API up and down."""

import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bundler.installer.facts.api import ApiObservation
from bundler.installer.facts.observed import Certificate, HostObservation
from bundler.installer.facts.seen import Present, Unknown
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.renew import renew_control_plane, renew_worker
from bundler.installer.plan.steps import Exec, Step, Write
from bundler.installer.scripts.render import load
from tests.unit.installer.plan import golden_certs, kit

SINCE = "1800000000"


def context(controls: int = 1, *, up: bool = True, expired: tuple[str, ...] = ()) -> Context:
    site, bundle = kit.site(1, control_planes=controls), kit.index()
    found = kit.facts(site)
    api = Present(ApiObservation(uid="u")) if up else Unknown("refused")
    hosts = {
        address: replace(facts, site=_seen(address, ended=address in expired))
        for address, facts in found.hosts.items()
    }
    facts = replace(found, hosts=hosts, api=api, gathered_at=1000.0)
    made = context_of(site, facts, Contents(bundle, kit.files_of(bundle), ()), kit.SECRETS)
    return replace(made, running=True)


def _seen(address: str, *, ended: bool) -> HostObservation:
    certificate = Certificate("apiserver", 0.0, 900.0 if ended else 2000.0)
    return HostObservation(address, address, certificates=(certificate,))


def words(steps: tuple[Step, ...]) -> list[str]:
    return [step.id.rsplit("/", 1)[1].partition("-")[2] for step in steps]


def test_a_control_plane_serves_again_before_anything_else_is_touched() -> None:
    of = context()
    steps = renew_control_plane(of, of.primary, SINCE)
    assert words(steps) == ["certs", "pods", "etcd", "kubelet", "done"]
    assert all(before.id in behind.after for before, behind in pairwise(steps))
    assert {step.host for step in steps} == {kit.CONTROL_PLANE}


def test_with_others_expired_and_the_api_down_nothing_is_waited_for() -> None:
    first, second, third = "10.0.0.2", "10.0.0.3", "10.0.0.4"
    of = context(3, up=False, expired=(first, second, third))
    assert words(renew_control_plane(of, of.site.control_planes[0], SINCE)) == ["certs", "done"]
    last = context(3, up=False, expired=(third,))
    steps = renew_control_plane(last, last.site.control_planes[2], SINCE)
    assert words(steps) == ["certs", "pods", "etcd", "kubelet", "done"]
    approved = next(step for step in steps if step.id.endswith("kubelet"))
    assert not isinstance(approved, Write)
    wanted = approved.script.variables["wanted"]  # type: ignore[union-attr]  # a Script
    assert all(f"node-{address.replace('.', '-')} " in wanted for address in (first, second, third))


def test_a_workers_key_comes_from_a_control_plane_and_is_never_shown() -> None:
    of = context()
    steps = renew_worker(of, of.site.workers[0], SINCE)
    assert words(steps) == ["sign", "client", "certs", "kubelet", "ready", "done"]
    sign, client, install = steps[:3]
    assert isinstance(sign, Exec)
    assert isinstance(client, Write)
    assert (sign.host, sign.secret, sign.capture) == (kit.CONTROL_PLANE, True, "kubelet-10.0.0.3")
    assert (client.host, client.secret, client.mode, client.slots) == (
        kit.WORKER,
        True,
        0o600,
        (sign.capture,),
    )
    assert install.host == kit.WORKER


def test_the_plan_reads_as_it_did() -> None:
    of = context()
    steps = (*renew_control_plane(of, of.primary, SINCE), *renew_worker(of, of.site.workers[0], SINCE))
    golden_certs.check("renew-1+1", steps)


MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
{annotations}  labels:
    component: kube-scheduler
  name: kube-scheduler
spec:
  containers:
  - command:
    - kube-scheduler
"""


@pytest.mark.parametrize("annotations", ["", "  annotations:\n    kubeadm.kubernetes.io/x: y\n"])
def test_a_static_pod_becomes_another_one_once_for_each_reason(tmp_path: Path, annotations: str) -> None:
    folder = tmp_path / "etc/kubernetes/manifests"
    folder.mkdir(parents=True)
    pod = folder / "kube-scheduler.yaml"
    pod.write_text(MANIFEST.format(annotations=annotations))
    text = load("pods-anew.sh").replace("/etc/kubernetes", f"{tmp_path}/etc/kubernetes")
    for why in ("1", "2"):
        subprocess.run(["/bin/sh", "-euc", f"{text}\npods_anew {why} kube-scheduler etcd"], check=True)
    others = annotations.removeprefix("  annotations:\n")
    wanted = f'  annotations:\n    bundler/anew: "2"\n{others}'
    assert pod.read_text() == MANIFEST.format(annotations=wanted)
    assert [each.name for each in folder.iterdir()] == ["kube-scheduler.yaml"]
