"""What is rendered for each version of Kubernetes, as files that people read and compare.

`BUNDLER_WRITE_GOLDEN=1` writes them anew; what changed is looked at, line by line, before it is committed.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.installer.facts.model import CgroupVersion
from bundler.installer.plan.steps import Exec, Plan, Write
from tests.unit.installer.plan import kit

HERE = Path(__file__).parent / "golden"
VERSIONS = ("1.26.15", "1.30.14", "1.31.14", "1.32.13", "1.34.4", "1.35.4", "1.36.3", "1.37.2")
FILES = {
    "init.yaml": "control-plane/10.0.0.2/config",
    "join.json": "workers/10.0.0.3/config",
    "containerd.toml": "runtime/10.0.0.3/config",
    "kubelet.service": "host/10.0.0.3/kubelet-unit",
    "kubelet-worker.conf": "host/10.0.0.3/kubelet-own",
    "crictl.yaml": "host/10.0.0.3/crictl",
    "admission.yaml": "host/10.0.0.2/admission.yaml",
    "audit-policy.yaml": "host/10.0.0.2/audit-policy.yaml",
    "authentication.yaml": "host/10.0.0.2/authentication.yaml",
    "encryption.yaml": "host/10.0.0.2/encryption.yaml",
}
SECRETS = replace(kit.SECRETS, encryption_key="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")


def made(version: str) -> Plan:
    """A site with a worker that differs: swap on, and a cgroup v1 that the site allows."""
    containerd = "2.4.2" if version >= "1.34" else "1.7.30"
    bundle = kit.index(
        kubernetes=f"v{version}",
        packages=(kit.package("nftables", requested=True),),
        files={f"root/cri/containerd-{containerd}-linux-amd64.tar.gz": 1, "root/bin/crictl": 1},
    )
    bundle = replace(bundle, packages=(replace(bundle.packages[0], version="1.0.6-2"),))
    of = replace(
        kit.site(), kubeadm={"KubeletConfiguration": {"failCgroupV1": False}} if version >= "1.35" else {}
    )
    found = kit.facts(of, worker={"cgroup": CgroupVersion.V1, "swap": True})
    return kit.plan(of, found, bundle, SECRETS)


def _readable(text: str) -> str:
    return json.dumps(json.loads(text), indent=2) + "\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_is_as_it_was_looked_at(version: str) -> None:
    steps = kit.steps(made(version))
    found = {}
    for name, step_id in FILES.items():
        step = steps.get(step_id)
        if isinstance(step, Write):
            found[name] = _readable(step.content) if name.endswith(".json") else step.content
    for name, host in (("init.sh", "control-plane/10.0.0.2/init"), ("join.sh", "workers/10.0.0.3/join")):
        step = steps[host]
        assert isinstance(step, Exec)
        found[name] = "".join(
            f"{line}\n" for line in step.script.splitlines() if line[:6] in {"phases", "ignore"}
        )
    folder = HERE / version
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            (folder / name).write_text(text, encoding="utf-8")
    assert found == {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
