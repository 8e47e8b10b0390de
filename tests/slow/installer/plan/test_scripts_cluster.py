"""Scripts that ask containerd and the API, run with programs that play these parts."""

import base64
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bundler.installer.plan.kubelet_certificates import subject_alternative_name
from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def program(machine: Machine, name: str, text: str) -> None:
    path = machine.bin / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


HEALTHY = """\
TYPE                        ID     PLATFORMS      STATUS
io.containerd.metadata.v1   bolt   -              ok
io.containerd.grpc.v1       cri    linux/amd64    ok
"""


@pytest.mark.parametrize(
    ("plugins", "images", "answers"),
    [
        (HEALTHY, 0, True),
        (HEALTHY, 1, False),
        (HEALTHY.replace("amd64    ok", "amd64    error"), 0, False),
        (HEALTHY.replace("-              ok", "-              error"), 0, False),
        ("", 0, False),
    ],
)
def test_containerd_answers_only_when_what_the_kubelet_needs_is_well(
    machine: Machine, plugins: str, images: int, *, answers: bool
) -> None:
    program(
        machine, "ctr", f"case $* in 'plugins ls') cat <<'END'\n{plugins}END\n;; *) exit {images} ;; esac"
    )
    said = machine.run(f"{templates.load('runtime-answers.sh')}\nif runtime_answers; then echo yes; fi")
    assert said == ("yes\n" if answers else "")


def test_images_are_pulled_from_a_containerd_that_was_half_alive_after_a_restart(machine: Machine) -> None:
    program(machine, "ctr", f'echo "ctr $*" >>{machine.calls}\n[ "$1" != plugins ]')
    program(machine, "sleep", ":")
    machine.run(templates.script("runtime-answers.sh", "pull.sh", certs="/c"), stdin="a.example/b:1\n")
    calls = machine.calls.read_text().splitlines()
    assert "systemctl restart containerd.service" in calls
    assert calls[-1] == "ctr -n k8s.io images pull --hosts-dir /c a.example/b:1"


def request(*names: x509.GeneralName) -> str:
    """What the API has of a kubelet's request: base64 of PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return base64.b64encode(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)).decode()


NODE = (x509.DNSName("node-1"), x509.IPAddress(ip_address("10.0.0.2")))
OTHER = (x509.DNSName("node-2"), x509.IPAddress(ip_address("10.0.0.3")))


@pytest.mark.parametrize(
    ("user", "names", "condition", "approved"),
    [
        ("system:node:node-1", NODE, "", True),
        ("system:node:node-1", NODE, "Approved", False),  # there is nothing left to do
        ("system:node:node-1", OTHER, "", False),  # a node that wants to be another
        ("system:node:node-2", NODE, "", False),
        ("system:node:node-9", (x509.DNSName("node-9"), NODE[1]), "", False),  # none of this site
        ("system:node:node-1", (*NODE, x509.DNSName("apiserver.cluster.local")), "", False),
        ("system:admin", NODE, "", False),
    ],
)
def test_a_kubelet_gets_a_certificate_for_its_own_names_and_no_others(
    machine: Machine, user: str, names: tuple[x509.GeneralName, ...], condition: str, *, approved: bool
) -> None:
    program(
        machine,
        "kubectl",
        f'echo "kubectl $*" >>{machine.calls}\n'
        f"case $* in 'get csr -o '*) echo 'csr-1 {user} {request(*names)} {condition}' ;; esac",
    )
    wanted = "".join(
        f"{node} {subject_alternative_name(node, address)}\n"
        for node, address in (("node-1", "10.0.0.2"), ("node-2", "10.0.0.3"))
    )
    machine.run(templates.script("kubelet-certs.sh", wanted=wanted))
    calls = machine.calls.read_text().splitlines()
    assert ("kubectl certificate approve csr-1" in calls) is approved
    assert not [line for line in calls if "delete" in line]


@pytest.mark.parametrize(("names", "gone"), [(NODE, False), ((NODE[0], OTHER[1]), True)])
def test_a_request_with_the_address_of_before_goes_when_a_site_has_moved(
    machine: Machine, names: tuple[x509.GeneralName, ...], *, gone: bool
) -> None:
    """The kubelet would wait a quarter of an hour for it; it asks anew when it is gone."""
    program(
        machine,
        "kubectl",
        f'echo "kubectl $*" >>{machine.calls}\n'
        f"case $* in 'get csr -o '*) echo 'csr-1 system:node:node-1 {request(*names)} ' ;; esac",
    )
    wanted = f"node-1 {subject_alternative_name('node-1', '10.0.0.2')}\n"
    machine.run(templates.script("kubelet-certs.sh", wanted=wanted, anew="yes"))
    calls = machine.calls.read_text().splitlines()
    assert ("kubectl delete csr csr-1" in calls) is gone
    assert ("kubectl certificate approve csr-1" in calls) is not gone


def cis(root: Path) -> dict[str, str]:
    """Verdict by number of a control plane whose files lie below a folder."""
    script = templates.load("cis.sh")
    for place in ("/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd"):
        script = script.replace(place, f"{root}{place}")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return {line.split("\t")[0]: line.split("\t")[1] for line in done.stdout.splitlines()}


def test_the_cis_table_tells_a_hardened_api_server_from_one_that_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "etc/kubernetes"
    (folder / "manifests").mkdir(parents=True)
    (tmp_path / "var/lib/kubelet").mkdir(parents=True)
    (tmp_path / "var/lib/kubelet/config.yaml").write_text("readOnlyPort: 10255\n")
    (folder / "authentication.yaml").write_text(
        "anonymous:\n  conditions:\n  - path: /healthz\n  - path: /livez\n  - path: /readyz\n"
    )
    arguments = {
        "profiling": "false",
        "authorization-mode": "Node,RBAC",
        "audit-log-maxage": "30",
        "authentication-config": str(folder / "authentication.yaml"),
    }
    manifest = folder / "manifests/kube-apiserver.yaml"
    manifest.write_text("".join(f"    - --{name}={value}\n" for name, value in arguments.items()))
    manifest.chmod(0o600)
    found = cis(tmp_path)
    passed = {"1.1.1", "1.2.1", "1.2.7", "1.2.8", "1.2.15", "1.2.17"}
    assert {number for number in passed if found[number] != "PASS"} == set()
    assert {found[number] for number in ("1.2.5", "1.2.16", "1.2.27", "1.2.28", "5.2.1", "4.2.4")} == {"FAIL"}
    manifest.write_text(
        manifest.read_text().replace("profiling=false", "profiling=true").replace("maxage=30", "maxage=7")
    )
    manifest.chmod(0o644)
    (folder / "authentication.yaml").write_text("anonymous:\n  conditions:\n  - path: /version\n")
    found = cis(tmp_path)
    assert {found[number] for number in ("1.1.1", "1.2.1", "1.2.15", "1.2.17")} == {"FAIL"}
