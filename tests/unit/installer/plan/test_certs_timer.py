"""The timer on a control plane: what it approves, when it renews, and the steps that switch it."""

import os
import subprocess
from pathlib import Path

import pytest

from bundler.installer.plan.certs_timer import timed, timer_steps
from bundler.installer.plan.kubelet_certificates import subject_alternative_name
from bundler.installer.plan.steps import Write
from bundler.installer.site.model import Role
from bundler.installer.site.record import HostState, Record, RecordedHost, Removed
from bundler.installer.site.record_json import to_json
from tests.unit.installer.plan import golden_certs, kit
from tests.unit.installer.plan.test_renew import context

RECORD = Record(
    "s",
    "trial",
    hosts=(
        RecordedHost(
            "10.0.0.2", "m", "node-10-0-0-2", Role.CONTROL_PLANE, HostState.MEMBER, labels={"a": "b"}
        ),
        RecordedHost("10.0.0.3", "n", "node-10-0-0-3", Role.WORKER, HostState.MEMBER),
    ),
    kept={"10.0.0.9 /x": "d"},
    removed=(Removed("o", "gone", "10.0.0.4"),),
)
EXPIRES = "apiserver   Nov 26, 2027 11:04 UTC   {left}   ca   no\nca   Nov 23, 2036 11:04 UTC   9y   no\n"


def host(tmp_path: Path, left: str) -> subprocess.CompletedProcess[str]:
    """Run the timer's script once where the API server's certificate has so long left."""
    state, tools = tmp_path / "var/lib/bundler", tmp_path / "bin"
    for folder in (state, tools, tmp_path / "etc/bundler", tmp_path / "etc/kubernetes/manifests"):
        folder.mkdir(parents=True)
    (state / "record.json").write_text(to_json(RECORD))
    (tmp_path / "etc/bundler/certs.yml").write_text("config")
    (tmp_path / "etc/bundler/certs-renew").write_text(f"echo renewed >>{tmp_path}/calls\n")
    for pod in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        (tmp_path / f"etc/kubernetes/manifests/{pod}.yaml").write_text('    bundler/anew: "1"\n')
    programs = {"kubeadm": f"cat <<'END'\n{EXPIRES.format(left=left)}END", "kubectl": "echo 1 True"}
    for name, body in programs.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    of = context()
    text = timed(of, of.primary).replace("/usr/local/bin/kubectl", str(tools / "kubectl"))
    for place in ("/etc/", "/var/lib/"):
        text = text.replace(place, f"{tmp_path}{place}")
    text = text.replace(
        "wanted=$(site_names) &&", f'wanted=$(site_names) && echo "$wanted" >{tmp_path}/wanted &&'
    )
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    return subprocess.run(
        ["/bin/sh", "-c", text], capture_output=True, text=True, env=environment, check=True, timeout=30
    )


@pytest.mark.parametrize(
    ("left", "renews"), [("364d", False), ("30d", False), ("29d", True), ("5h", True), ("<invalid>", True)]
)
def test_certificates_are_renewed_in_their_last_days(tmp_path: Path, left: str, *, renews: bool) -> None:
    said = host(tmp_path, left).stdout
    assert (tmp_path / "calls").exists() is renews
    assert (tmp_path / "var/lib/bundler/renewed").exists() is renews
    assert ("renewing what expires soon: apiserver" in said) is renews


def test_only_names_of_hosts_that_the_record_has_are_approved(tmp_path: Path) -> None:
    host(tmp_path, "364d")
    assert (tmp_path / "wanted").read_text().split() == [
        word
        for name, address in (("node-10-0-0-2", "10.0.0.2"), ("node-10-0-0-3", "10.0.0.3"))
        for word in (name, subject_alternative_name(name, address))
    ]


def test_every_control_plane_gets_the_timer_and_loses_it_whole() -> None:
    of = context(3)
    on = timer_steps(of, on=True)
    assert {step.host for step in on} == {each.address for each in of.site.control_planes}
    golden_certs.check("certs-timer-1+1", timer_steps(context(), on=True))
    off = timer_steps(of, on=False)
    assert len(off) == 3
    written = {step.path for step in on if isinstance(step, Write)}
    assert written == set(off[0].script.variables["files"].splitlines())  # type: ignore[union-attr]  # a Script
    assert kit.SECRETS.ca_key not in "".join(step.content for step in on if isinstance(step, Write))
