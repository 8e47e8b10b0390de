"""The scripts of templates/site under a real shell: the ledger undoes what it recorded."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from bundler.core.index import App, AppKind, AppRole
from bundler.installer.plan import paths
from bundler.installer.plan.decide import decide_removal
from bundler.installer.plan.steps import Await, Exec
from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine
from tests.unit.installer.plan import kit

SCRIPTS = sorted(path.name for path in templates.folder().glob("*.sh"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


CHANGES = """
ledger_file "$ROOT/etc/motd"; echo ours >"$ROOT/etc/motd"
ledger_file "$ROOT/etc/new/deep/file"; mkdir -p "$ROOT/etc/new/deep"; echo ours >"$ROOT/etc/new/deep/file"
ledger_tree "$ROOT/etc/kubernetes"; mkdir -p "$ROOT/etc/kubernetes/pki"; echo x >"$ROOT/etc/kubernetes/pki/ca"
ledger_file "$ROOT/etc/kubernetes/inside"; echo x >"$ROOT/etc/kubernetes/inside"
ledger_tree "$ROOT/etc/theirs"; echo more >"$ROOT/etc/theirs/more"; rm "$ROOT/etc/theirs/more"
echo '10.0.0.2 node' | ledger_block "$ROOT/etc/hosts" site
"""


def prepare(machine: Machine) -> None:
    (machine.root / "etc/motd").write_text("theirs\n")
    (machine.root / "etc/motd").chmod(0o640)
    (machine.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (machine.root / "etc/theirs").mkdir()


def test_the_ledger_walked_backwards_leaves_a_host_as_it_was(machine: Machine) -> None:
    prepare(machine)
    before = machine.picture()
    machine.run(CHANGES)
    assert machine.picture() != before
    machine.run(templates.load("restore.sh"))
    assert machine.picture() == before


def test_doing_it_twice_records_it_once_and_keeps_the_first_copy(machine: Machine) -> None:
    prepare(machine)
    before = machine.picture()
    machine.run(CHANGES)
    first = machine.ledger()
    machine.run(CHANGES)
    assert machine.ledger() == first
    machine.run(templates.load("restore.sh"))
    assert machine.picture() == before


def test_what_stands_in_a_tree_of_ours_needs_no_line(machine: Machine) -> None:
    prepare(machine)
    machine.run(CHANGES)
    kinds = {(line[0], line[1].removeprefix(str(machine.root))) for line in machine.ledger()}
    assert kinds == {
        ("saved", "/etc/motd"),
        ("dir", "/etc/new"),
        ("dir", "/etc/new/deep"),
        ("file", "/etc/new/deep/file"),
        ("tree", "/etc/kubernetes"),
        ("block", "/etc/hosts"),
    }


def test_a_folder_that_others_use_by_now_stays(machine: Machine) -> None:
    prepare(machine)
    machine.run(CHANGES)
    (machine.root / "etc/new/theirs").write_text("x")
    machine.run(templates.load("restore.sh"))
    assert (machine.root / "etc/new/theirs").exists()
    assert not (machine.root / "etc/new/deep").exists()


@pytest.mark.parametrize("line", ["dir", "tree"])
def test_keys_and_revocations_that_came_later_outlive_us(machine: Machine, line: str) -> None:
    """tree: in a ledger of the first version, which took the whole folder for its own."""
    config = machine.root / "etc/bundler"
    script = f"ledger_{line} {config}; ledger_tree {config}/certs.d; mkdir -p {config}/certs.d\n"
    machine.run(script + f"ledger_file {config}/ca.crt; : >{config}/ca.crt")
    (config / "trust.d").mkdir()
    (config / "trust.d/leaked.revoked").write_text("ssh-ed25519 AAAA\n")
    machine.run(templates.load("restore.sh").replace("/etc/bundler", str(config)))
    assert [str(path.relative_to(config)) for path in sorted(config.rglob("*"))] == [
        "trust.d",
        "trust.d/leaked.revoked",
    ]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("line", ["dir", "tree"])
def test_a_trust_folder_that_lies_elsewhere_stays(
    machine: Machine,
    line: str,
    there: bool,  # noqa: FBT001  (a test's case)
) -> None:
    """On a stick, say, which is not mounted just now: a link that leads nowhere was taken away."""
    config, stick = machine.root / "etc/bundler", machine.root / "media"
    machine.run(f"ledger_{line} {config}; mkdir -p {config}; ledger_file {config}/ca.crt; : >{config}/ca.crt")
    (config / "trust.d").symlink_to(stick)
    if there:
        stick.mkdir()
        (stick / "leaked.revoked").write_text("ssh-ed25519 AAAA\n")
    machine.run(templates.load("restore.sh").replace("/etc/bundler", str(config)))
    assert [path.name for path in config.iterdir()] == ["trust.d"]
    assert (config / "trust.d").is_symlink()
    assert not there or (stick / "leaked.revoked").exists()


def test_our_configuration_is_no_tree_of_ours() -> None:
    assert not {"/etc", "/etc/bundler", "/etc/bundler/trust.d"} & set(paths.TREES)


def test_lines_of_others_in_a_shared_file_stay(machine: Machine) -> None:
    prepare(machine)
    machine.run(CHANGES)
    hosts = machine.root / "etc/hosts"
    hosts.write_text(hosts.read_text() + "10.9.9.9 added-later\n")
    machine.run("echo '10.0.0.3 other' | ledger_block \"$ROOT/etc/hosts\" site\n")
    assert hosts.read_text().count("# bundler begin site") == 1
    assert "10.0.0.2 node" not in hosts.read_text()
    machine.run(templates.load("restore.sh"))
    assert hosts.read_text() == "127.0.0.1 localhost\n10.9.9.9 added-later\n"


def test_units_that_ran_before_us_are_left_on(machine: Machine) -> None:
    (machine.bin / "systemctl").write_text(
        f'#!/bin/sh\necho "systemctl $*" >>{machine.calls}\n[ "$1 $3" != "is-active ours.service" ]\n'
    )
    machine.run("ledger_unit ours.service; ledger_unit theirs.service\n")
    machine.run(templates.load("restore.sh"))
    calls = machine.calls.read_text().splitlines()
    assert "systemctl disable -q --now ours.service" in calls
    assert "systemctl restart theirs.service" in calls
    assert "systemctl disable -q --now theirs.service" not in calls


def test_a_host_that_we_never_touched_is_left_alone(machine: Machine) -> None:
    prepare(machine)
    before = machine.picture()
    machine.run(templates.load("restore.sh"))
    assert machine.picture() == before
    assert not machine.calls.exists()


def test_links(machine: Machine) -> None:
    step = kit.steps(kit.plan())["registry/10.0.0.2/app-images"]
    assert isinstance(step, Exec)
    machine.state.mkdir()
    machine.run(step.script, step.stdin)
    repositories = machine.state / "registry/docker/registry/v2/repositories"
    link = (repositories / "quay.io/a/b/_manifests/tags/1/current/link").read_text()
    assert link == f"sha256:{kit.image('quay.io/a/b:1').digest.hex}"
    assert len(list(repositories.rglob("link"))) == len(step.stdin.splitlines())


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_parse(name: str) -> None:
    subprocess.run(["sh", "-n", templates.folder() / name], check=True, timeout=20)


needs_shellcheck = pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed"
)


def shellcheck(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["shellcheck", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout + done.stderr


@needs_shellcheck
def test_every_variable_that_a_script_reads_is_given(tmp_path: Path) -> None:
    apps = (
        App("web", AppKind.HELM, AppRole.APP, "application/apps/web"),
        App("tune", AppKind.COMMANDS, AppRole.APP, "application/apps/tune", (("true",),)),
    )
    bundle = kit.index(apps=apps, launch=("web", "tune"), files={"runtime/helm/libhelm_c.so": 1})
    of = kit.site()
    steps = (*kit.plan(of, bundle=bundle).steps, *decide_removal(of, kit.facts(of), bundle).steps)
    scripts = [step.script for step in steps if isinstance(step, Exec | Await)]
    for number, script in enumerate(dict.fromkeys(scripts)):
        lines = (line for line in script.splitlines() if "# shellcheck" not in line)
        (tmp_path / f"{number}.sh").write_text("BUNDLER_LEDGER=x\nlock_folder=x\n" + "\n".join(lines))
    assert shellcheck("-s", "sh", "-i", "SC2154", *sorted(tmp_path.iterdir())) == ""


def test_values_are_quoted() -> None:
    assert templates.script("apply.sh", folder="/a b; reboot", inputs="'").startswith(
        "folder='/a b; reboot'\ninputs=''\"'\"''\n"
    )


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        templates.render("kubelet.service.j2".replace("kubelet", "registry"))


def containerd(name: str) -> dict[str, Any]:
    text = templates.render(
        name,
        certs="/c",
        pause="p:1",
        systemd_cgroup=True,
        restrict_oom_score_adj=False,
        disable_apparmor=True,
    )
    return tomllib.loads(text)


def test_containerd_1_config() -> None:
    config = containerd("containerd-1.toml.j2")
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["version"] == 2
    assert cri["sandbox_image"] == "p:1"
    assert cri["disable_apparmor"] is True
    assert cri["restrict_oom_score_adj"] is False
    assert cri["registry"] == {"config_path": "/c"}
    assert cri["containerd"]["runtimes"]["runc"]["options"] == {"SystemdCgroup": True}


def program(machine: Machine, name: str, text: str) -> None:
    file = machine.bin / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_nodes_that_were_left_out_are_not_waited_for(machine: Machine) -> None:
    program(machine, "kubectl", "echo cp=True; echo w1=False")
    ready = templates.script("nodes-ready.sh", nodes="cp/10.0.0.2 w1/10.0.0.3 w2/10.0.0.4")
    machine.run(f"bundler_lost='10.0.0.3 10.0.0.4'\n{ready}")
    with pytest.raises(AssertionError, match="not Ready: w1 w2"):
        machine.run(ready)


PODS = """
case "$*" in
*"get nodes"*) echo "w1 NotReady <none> 5m v1" ;;
*"get pods"*)
    echo "default web-1 0/1 ImagePullBackOff 0 5m"
    echo "default fine-1 1/1 Running 0 5m"
    echo "default done-1 0/1 Completed 0 5m"
    ;;
*involvedObject.name=web-1*) echo "Failed   no such image: web:9" ;;
esac
"""


def test_a_chart_that_fails_shows_its_pods_and_their_events(machine: Machine, tmp_path: Path) -> None:
    """Whether it is late, which ends with 75, or wrong: a hook's pod may be the reason."""
    program(machine, "kubectl", PODS)
    program(machine, "start", 'echo "helm-agent: release web: context deadline exceeded" >&2; exit "$STATUS"')
    bundle = kit.index(
        apps=(App("web", AppKind.HELM, AppRole.APP, "application/apps/web"),),
        launch=("web",),
        files={"runtime/helm/libhelm_c.so": 1},
    )
    step = kit.steps(kit.plan(bundle=bundle))["apps/10.0.0.2/helm-web"]
    assert isinstance(step, Exec)
    script = step.script.replace("/usr/local/bin/kubectl", str(machine.bin / "kubectl"))
    script = script.replace("runtime=/var/lib/bundler/runtime", f"runtime={machine.bin}")
    script = script.replace("/var/lib/bundler", str(tmp_path))
    for status in (75, 1):
        ended = subprocess.run(
            ["sh", "-c", script],
            env={"PATH": os.environ["PATH"], "STATUS": str(status)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert ended.returncode == status
        assert "pod default/web-1: 0/1 ready, ImagePullBackOff" in ended.stderr
        assert "no such image: web:9" in ended.stderr
        assert "fine-1" not in ended.stderr
        assert "done-1" not in ended.stderr


def test_registries_that_the_bundle_names_no_more_go(machine: Machine) -> None:
    certs = machine.root / "etc/bundler/certs.d"
    for name in ("docker.io", "old.example", ".hidden", "_default"):
        (certs / name).mkdir(parents=True)
        (certs / name / "hosts.toml").write_text("x")
    machine.run(templates.script("certs-stale.sh", certs=str(certs), names="docker.io _default"))
    assert sorted(path.name for path in certs.iterdir()) == ["_default", "docker.io"]
    machine.run(templates.script("certs-stale.sh", certs=str(certs / "none"), names="docker.io"))


def test_the_registries_that_stay_are_those_that_are_written() -> None:
    step = kit.steps(kit.plan())["runtime/10.0.0.3/registries"]
    assert isinstance(step, Exec)
    assert "names='_default docker.io quay.io registry.internal:5000 registry.k8s.io'" in step.script
    assert "runtime/10.0.0.3/mirror-quay.io" in step.after


def test_containerd_2_config() -> None:
    config = containerd("containerd.toml.j2")
    images = config["plugins"]["io.containerd.cri.v1.images"]
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    assert config["version"] == 3
    assert images == {"pinned_images": {"sandbox": "p:1"}, "registry": {"config_path": "/c"}}
    assert runtime["disable_apparmor"] is True
    assert runtime["restrict_oom_score_adj"] is False
    assert runtime["cni"] == {"bin_dirs": ["/opt/cni/bin"], "conf_dir": "/etc/cni/net.d"}
    assert runtime["containerd"]["runtimes"]["runc"]["options"] == {"SystemdCgroup": True}


def test_modules_that_were_loaded_for_us_are_unloaded_again(machine: Machine) -> None:
    modprobe = machine.bin / "modprobe"
    modprobe.write_text(f'#!/bin/sh\necho "modprobe $*" >>{machine.calls}\n')
    modprobe.chmod(0o755)
    machine.run("ledger_module br_netfilter\nledger_module overlay\n")
    assert machine.ledger() == [["module", "br_netfilter"], ["module", "overlay"]]
    machine.run(templates.load("restore.sh"))
    calls = [line for line in machine.calls.read_text().splitlines() if line.startswith("modprobe")]
    assert calls == ["modprobe -rq overlay", "modprobe -rq br_netfilter"]


def test_the_slices_of_pods_are_stopped_when_nothing_runs_in_them_any_more(machine: Machine) -> None:
    """Else systemd asks each process to end, and waits for it a minute and a half."""
    for name, text in (("stat", "echo cgroup2fs"), ("find", ":"), ("umount", ":"), ("rm", ":")):
        program = machine.bin / name
        program.write_text(f'#!/bin/sh\necho "{name}" >>{machine.calls}\n{text}\n')
        program.chmod(0o755)
    machine.run(templates.load("stop.sh").replace("/proc/mounts", "/dev/null"))  # this machine's own stay
    calls = machine.calls.read_text().splitlines()
    assert calls.index("find") < calls.index("systemctl stop kubepods.slice")
    assert "systemctl stop bundler-registry.service" in calls


UNITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kubelet.service.j2", {"drop_ins": "/etc/kubernetes/kubelet.conf.d"}),
    ("kubelet.service.j2", {"drop_ins": ""}),
    ("containerd.service.j2", {"program": "/bin/true", "config": "/etc/c.toml"}),
    ("endpoint.service.j2", {"program": "/bin/true", "config": "/etc/e.cfg"}),
    ("k3s.service.j2", {"role": "agent", "environment": "/etc/e.env"}),
    ("k0s.service.j2", {"arguments": "worker", "environment": "/etc/e.env"}),
    ("vip.service.j2", {"program": "/bin/true", "config": "/etc/v.conf"}),
    (
        "registry.service.j2",
        {
            "config": "/run/r/r.yml",
            "running": "/run/r",
            "folder": "/etc/b",
            "state": "/var/lib/b",
            "source": "/data/b",
            "store": "/var/lib/b/registry",
            "files": ("/etc/b/registry.yml", "/etc/b/registry.key"),
            "low_port": "yes",
        },
    ),
    ("snapshot.service.j2", {"script": "/bin/true"}),
    ("snapshot.timer.j2", {"every": "6h"}),
    ("certs.service.j2", {"script": "/bin/true"}),
    ("certs.timer.j2", {}),
    ("endpoint.service.j2", {"program": "/usr/sbin/haproxy", "config": "/etc/e.cfg"}),
    ("k3s.service.j2", {"role": "agent", "environment": "/etc/e.env"}),
    ("k0s.service.j2", {"arguments": "worker", "environment": "/etc/e.env"}),
    ("vip.service.j2", {"program": "/usr/sbin/keepalived", "config": "/etc/v.conf"}),
)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize(("template", "values"), UNITS)
def test_systemd_understands_every_line_of_our_units(
    tmp_path: Path, template: str, values: dict[str, Any]
) -> None:
    unit = tmp_path / template.removesuffix(".j2")
    # A program that is not on this machine would be a fault, too.
    unit.with_suffix(".service").write_text("[Service]\nExecStart=/bin/true\n")  # a timer's
    unit.write_text(re.sub(r"/usr/(local/bin|sbin)/\w+", "/bin/true", templates.render(template, **values)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_unit_is_verified() -> None:
    assert {name for name, _ in UNITS} == {
        path.name for kind in ("service", "timer") for path in templates.folder().glob(f"*.{kind}.j2")
    }


def test_tables_of_nftables_go_by_their_names_alone(machine: Machine) -> None:
    nft = machine.bin / "nft"
    listed = ("ip kube-proxy", "ip6 kube-proxy", "inet filter", "ip nat", "inet cni_hostport")
    nft.write_text(
        f'#!/bin/sh\necho "nft $*" >>{machine.calls}\n[ "$1" = delete ] || printf "table %s\\n" '
        + " ".join(f"'{each}'" for each in listed)
        + "\n"
    )
    nft.chmod(0o755)
    for name in ("iptables-save", "ip6tables-save", "ip"):  # this machine's own are left alone
        (machine.bin / name).symlink_to("/bin/true")
    (machine.state / "found").mkdir(parents=True)
    for name in ("done", "links", "routes"):
        (machine.state / "found" / name).write_text(Path("/proc/net/route").read_text())
    script = templates.load("network.sh").replace("/sys/class/net", str(machine.root))  # no link is touched
    machine.run(script)
    deleted = [line for line in machine.calls.read_text().splitlines() if " delete " in line]
    assert deleted == [
        "nft delete table ip kube-proxy",
        "nft delete table ip6 kube-proxy",
        "nft delete table inet cni_hostport",
    ]


def test_a_limit_is_raised_and_never_lowered(machine: Machine) -> None:
    kernel = machine.root / "proc/sys/fs/inotify"
    kernel.mkdir(parents=True)
    (kernel / "max_user_instances").write_text("128\n")
    (kernel / "max_user_watches").write_text("1048576\n")
    machine.run('mkdir -p "$ROOT/etc/sysctl.d"\n')
    script: str = templates.script(
        "prepare.sh",
        modules="",
        sysctls="",
        remembered="",
        trees="",
        folders="",
        least="fs/inotify/max_user_instances=8192 fs/inotify/max_user_watches=524288 fs/none=1",
    )
    for place in ("/proc/sys", "/etc/sysctl.d", "/etc/hosts", "/run/xtables.lock"):
        script = script.replace(place, f"{machine.root}{place}")
    ledger = templates.load("ledger.sh").replace("/proc/sys", f"{machine.root}/proc/sys")
    machine.run(f"{ledger}\n{script}")
    assert (kernel / "max_user_instances").read_text() == "8192\n"
    assert (kernel / "max_user_watches").read_text() == "1048576\n"
    kept = (machine.root / "etc/sysctl.d/90-bundler.conf").read_text()
    assert kept == "fs/inotify/max_user_instances = 8192\n"
    assert ["sysctl", "fs/inotify/max_user_instances", "128"] in machine.ledger()
