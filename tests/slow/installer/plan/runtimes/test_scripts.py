"""The scripts of k3s and k0s under a real shell, with programs that only write down how they were called."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.installer.facts import observe
from bundler.installer.facts.gather import sections
from bundler.installer.facts.seen import Present
from bundler.installer.plan.runtimes.k0s import K0S
from bundler.installer.plan.runtimes.k3s import K3S
from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine

PLACES = ("/usr/local/bin", "/etc/kubernetes", "/etc/rancher", "/var/lib/rancher", "/etc/k0s", "/var/lib/k0s")


class Host(Machine):
    """With every place of the two distributions below its root."""

    def there(self, path: str) -> Path:
        return Path(f"{self.root}{path}")

    def program(self, path: str, body: str) -> None:
        file = self.there(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\necho "{file.name} $*" >>{self.calls}\n{body}\n')
        file.chmod(0o755)

    def file(self, path: str, text: str = "x") -> None:
        self.there(path).parent.mkdir(parents=True, exist_ok=True)
        self.there(path).write_text(text)

    def does(self, script: str, stdin: str = "") -> str:
        for place in PLACES:
            script = script.replace(place, f"{self.root}{place}")
        return self.run(script, stdin)

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    for place in PLACES:
        made.there(place).mkdir(parents=True)
    return made


def started(name: str, *, first: bool = True, worker: bool = False) -> str:
    layout = (K3S if name == "k3s" else K0S).layout
    return templates.script(
        "kubectl.sh",
        "distribution-start.sh",
        unit=f"{name}.service",
        program=layout.program,
        environment=layout.environment,
        token=layout.token if first and not layout.token_is_spent else "",
        admin="" if worker else layout.admin,
        ca="" if worker else layout.ca,
        kubelet=layout.kubelet,
        spent=layout.token if layout.token_is_spent and not first else "",
        inputs="1",
    )


def test_the_first_start_of_k3s_makes_a_token_and_links_what_others_look_for(host: Host) -> None:
    host.program("/usr/local/bin/k3s", "")
    host.file("/etc/rancher/k3s/k3s.yaml", "admin")
    host.does(started("k3s"), "K3S_CLUSTER_INIT=true\n")
    token = host.there("/etc/rancher/k3s/token")
    assert len(token.read_text().strip()) == 64
    assert token.stat().st_mode & 0o777 == 0o600
    assert host.there("/etc/rancher/k3s/first-start.env").read_text() == "K3S_CLUSTER_INIT=true\n"
    assert host.there("/etc/kubernetes/admin.conf").read_text() == "admin"
    assert host.there("/usr/local/bin/kubectl").readlink() == Path("k3s")
    assert "systemctl restart k3s.service" in host.called()
    before = token.read_text()
    host.does(started("k3s"), "K3S_CLUSTER_INIT=true\n")
    assert token.read_text() == before, "a start that was cut is taken up with the same token"


def test_a_token_of_k0s_is_gone_behind_the_join(host: Host) -> None:
    host.file("/etc/k0s/token", "secret")
    host.file("/var/lib/k0s/kubelet.conf", "kubelet")
    host.does(started("k0s", first=False, worker=True), "K0S_JOIN=--token-file=/etc/k0s/token\n")
    assert not host.there("/etc/k0s/token").exists()
    assert not host.there("/etc/k0s/first-start.env").exists()
    assert host.there("/etc/kubernetes/kubelet.conf").read_text() == "kubelet"
    assert not host.there("/etc/kubernetes/admin.conf").is_symlink()


@pytest.mark.parametrize(
    ("said", "voter"),
    [
        ("n1 True\nn2 True", True),
        ("n1 True\nn2 False", False),
        ("n1 True", False),
        ("n1 True\nn2 ", False),
    ],
)
def test_k3s_is_settled_when_every_member_votes(host: Host, said: str, *, voter: bool) -> None:
    host.program("/usr/local/bin/kubectl", f"printf '{said.replace(chr(10), chr(92) + 'n')}\\n'")
    script = templates.script("kubectl.sh", "k3s-settled.sh", member="n2")
    if voter:
        host.does(script)
    else:
        with pytest.raises(AssertionError):
            host.does(script)


def test_k3s_is_asked_to_let_a_member_go_and_waited_for(host: Host) -> None:
    host.program(
        "/usr/local/bin/kubectl",
        'case "$*" in *removed-node-name*) echo n2-abc ;; *"-o name"*) echo node/n2 ;; esac',
    )
    host.does(templates.script("kubectl.sh", "k3s-departed.sh", node="n2", address="10.0.0.3"))
    assert any(
        "annotate --overwrite node n2 etcd.k3s.cattle.io/remove=true" in call for call in host.called()
    )


def test_a_member_of_k0s_that_is_gone_already_is_not_asked_to_leave_again(host: Host) -> None:
    host.program("/usr/local/bin/kubectl", "")
    host.program("/usr/local/bin/k0s", """echo '{"members":{"n1":"https://10.0.0.2:2380"}}'""")
    host.does(templates.script("kubectl.sh", "k0s-departed.sh", node="n2", address="10.0.0.3"))
    assert not any("leave" in call for call in host.called())
    host.program("/usr/local/bin/k0s", """echo '{"members":{"n2":"https://10.0.0.3:2380"}}'""")
    host.does(templates.script("kubectl.sh", "k0s-departed.sh", node="n2", address="10.0.0.3"))
    assert "k0s etcd leave --peer-address 10.0.0.3" in host.called()


def test_snapshots_and_tokens_are_asked_for_as_documented(host: Host) -> None:
    host.program("/usr/local/bin/k3s", "")
    host.program("/usr/local/bin/k0s", "echo token-text")
    host.does(templates.script("k3s-snapshot.sh", name="before-v1"))
    host.does(templates.script("k0s-snapshot.sh", name="before-v1"))
    assert host.does(templates.script("k0s-token.sh", role="worker")).strip() == "token-text"
    calls = host.called()
    assert calls[0] == "k3s etcd-snapshot save --name bundler-before-v1"
    assert calls[1].startswith("k0s backup --save-path ")
    assert calls[2] == "k0s token create --role=worker --expiry=2h"


def test_what_runs_is_kept_before_another_version_comes(host: Host) -> None:
    host.program("/usr/local/bin/k3s", "")
    host.file("/etc/rancher/k3s/config.yaml", "old")
    keep = "/var/lib/bundler/kept/v1.36.1+k3s1"
    script = templates.script(
        "distribution-keep.sh", keep=keep, program="/usr/local/bin/k3s", config="/etc/rancher/k3s"
    )
    host.does(script)
    kept = host.state / "kept/v1.36.1+k3s1"
    assert (kept / "done").exists()
    assert (next(kept.rglob("config.yaml"))).read_text() == "old"
    host.file("/etc/rancher/k3s/config.yaml", "new")
    host.does(script)
    assert (next(kept.rglob("config.yaml"))).read_text() == "old", "what was kept stays"


@pytest.mark.skipif(shutil.which("timeout") is None, reason="coreutils' timeout is not installed")
def test_a_control_plane_of_k0s_is_observed(host: Host) -> None:
    host.file("/var/lib/k0s/pki/ca.key")
    host.file("/var/lib/k0s/pki/admin.conf")
    host.there("/var/lib/k0s/etcd/member").mkdir(parents=True)
    members = '{"members":{"n1":"https://10.0.0.2:2380","n2":"https://10.0.0.3:2380"}}'
    host.program("/usr/local/bin/k0s", f"echo '{members}'")
    found = told(host)
    assert set(found["traces"]) == {"pki", "etcd_data", "static_pods"}
    etcd = observe.etcd(found)
    assert isinstance(etcd, Present)
    assert [(m.name, m.address, m.voter) for m in etcd.value.members] == [
        ("n1", "10.0.0.2", True),
        ("n2", "10.0.0.3", True),
    ]


def test_a_learner_of_k3s_is_one(host: Host) -> None:
    host.there("/var/lib/rancher/k3s/server/db/etcd/member").mkdir(parents=True)
    found = told(host, "n1 10.0.0.2 True\\nn2 10.0.0.3 False\\n")
    etcd = observe.etcd(found)
    assert isinstance(etcd, Present)
    assert [(m.name, m.learner) for m in etcd.value.members] == [("n1", False), ("n2", True)]


def test_a_machine_without_either_shows_nothing(host: Host) -> None:
    found = told(host)
    assert found["traces"] == found["components"] == []
    assert "voters" not in found


def told(host: Host, voters: str = "") -> dict[str, list[str]]:
    """What observe-distribution.sh prints, section by section."""
    text = templates.load("observe-distribution.sh")
    for place in PLACES:
        text = text.replace(place, f"{host.root}{place}")
    text = text.replace("k3s=/var/lib/rancher/k3s", f"k3s={host.root}/var/lib/rancher/k3s")
    head = f"tell() {{ echo \"@@$1\"; }}\nask() {{ printf '{voters}'; }}\n"
    done = subprocess.run(
        ["sh", "-s"],
        input=head + text,
        env={"PATH": f"{host.bin}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return sections(done.stdout)


def test_versions_that_run_are_read_as_the_distributions_write_them() -> None:
    lines = ["part kubelet v1.36.1+k3s1", "part kube-apiserver v1.36.1+k3s1"]
    found = observe.running({"components": lines})
    assert {name: part.version for name, part in found.items()} == {
        "kubelet": "v1.36.1+k3s1",
        "kube-apiserver": "v1.36.1+k3s1",
    }
