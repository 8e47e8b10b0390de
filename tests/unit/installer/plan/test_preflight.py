"""What makes a host unfit, and that every fault of every host is told at once."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.installer.facts.model import CgroupVersion
from bundler.installer.facts.observed import JournalEntry
from bundler.installer.plan.decide import decide_removal
from bundler.installer.plan.steps import Exec
from bundler.installer.site.model import Host, Role, Site
from tests.unit.installer.plan import kit

GIB = 1 << 30


def faults(found: Problems) -> list[tuple[str, str]]:
    return [(problem.location.file, problem.rule) for problem in found.problems]


@pytest.mark.parametrize(
    ("change", "rule", "message", "fix"),
    [
        ({"sudo": False}, "no-root", "can't be run as root", "sudo"),
        ({"foreign_cluster": True}, "foreign-cluster", "not made by this product", "kubeadm reset"),
        ({"commands": frozenset({"tar", "sha256sum", "apt-get"})}, "missing-command", "systemctl", "systemd"),
        ({"architecture": "arm64"}, "architecture", "arm64, the bundle is for amd64", "arm64"),
        ({"os_codename": "trixie"}, "suite", "debian:trixie; the bundle has", "PACKAGE debian:trixie"),
        ({"memory": 1 * GIB}, "memory", "1024 MiB of memory; a control plane needs 1700", "memory"),
        ({"cpus": 1}, "cpus", "1 CPU", "CPUs"),
        ({"listening_ports": frozenset({6443})}, "port", "6443, which the API server needs", "ss -ltnp"),
        ({"listening_ports": frozenset({5000})}, "port", "5000, which the site's registry", "ss -ltnp"),
        ({"hostname": "localhost"}, "hostname", "no name", "hostnamectl"),
        ({"disk_free": {"/": 1 << 20}}, "disk", "1 MiB free on /", "make room"),
    ],
)
def test_control_plane(change: Mapping[str, object], rule: str, message: str, fix: str) -> None:
    of = kit.site()
    with pytest.raises(Problems) as caught:
        kit.plan(of, kit.facts(of, control_plane=change))
    assert caught.value.code is ExitCode.PREFLIGHT
    (problem,) = caught.value.problems
    assert (problem.location.file, problem.rule) == (kit.CONTROL_PLANE, rule)
    assert message in problem.message
    assert fix in problem.hint


@pytest.mark.parametrize(
    ("control_plane", "worker", "told"),
    [
        ("riscv64", "amd64", {kit.CONTROL_PLANE: "the host is riscv64, the bundle is for amd64, arm64"}),
        ("amd64", "riscv64", {kit.WORKER: "the host is riscv64, the bundle is for amd64, arm64"}),
    ],
)
def test_every_host_has_to_find_its_platform_in_the_file(
    control_plane: str, worker: str, told: dict[str, str]
) -> None:
    of = kit.site()
    found = kit.facts(of, control_plane={"architecture": control_plane}, worker={"architecture": worker})
    with pytest.raises(Problems) as caught:
        kit.plan(of, found, platforms=("linux/amd64", "linux/arm64"))
    assert {problem.location.file: problem.message for problem in caught.value.problems} == told
    assert {problem.rule for problem in caught.value.problems} == {"architecture"}
    assert kit.plan(of, kit.facts(of), platforms=("linux/amd64", "linux/arm64")).steps


@pytest.mark.parametrize("port", [6443, 2379, 5000])
def test_a_worker_may_use_the_control_planes_ports(port: int) -> None:
    of = kit.site()
    assert kit.plan(of, kit.facts(of, worker={"listening_ports": frozenset({port})})).steps


def test_ports_held_by_an_earlier_run_are_no_fault() -> None:
    of = kit.site()
    ports = {
        "listening_ports": frozenset({6443, 10250, 5000}),
        "stamps": {"host/10.0.0.2/prepare": JournalEntry({}, 0)},
    }
    assert kit.plan(of, kit.facts(of, control_plane=ports)).steps


@pytest.mark.parametrize(("apart", "side"), [(31.0, "31 s ahead of"), (-31.0, "31 s behind")])
def test_clocks_are_compared_with_the_control_planes(apart: float, side: str) -> None:
    of = kit.site()
    with pytest.raises(Problems) as caught:
        kit.plan(
            of, kit.facts(of, control_plane={"clock_offset": 500.0}, worker={"clock_offset": 500.0 + apart})
        )
    assert faults(caught.value) == [(kit.WORKER, "clock")]
    assert side in caught.value.problems[0].message


def test_our_own_clock_may_be_wrong() -> None:
    of = kit.site()
    wrong = {"clock_offset": 500.0}
    assert kit.plan(of, kit.facts(of, control_plane=wrong, worker=wrong)).steps


def test_two_hosts_of_one_name() -> None:
    of = kit.site()
    with pytest.raises(Problems) as caught:
        kit.plan(of, kit.facts(of, control_plane={"hostname": "Box"}, worker={"hostname": "box"}))
    assert faults(caught.value) == [(kit.CONTROL_PLANE, "hostname"), (kit.WORKER, "hostname")]


def test_a_host_inside_the_pods_subnet() -> None:
    of = Site("trial", (Host("100.64.3.4", frozenset({Role.CONTROL_PLANE})),))
    with pytest.raises(Problems) as caught:
        kit.plan(of)
    assert faults(caught.value) == [("100.64.3.4", "subnet")]
    assert "100.64.0.0/10" in caught.value.problems[0].message


def test_what_the_bundle_lacks_is_told_too() -> None:
    bundle = kit.index(packages=())
    with pytest.raises(Problems) as caught:
        kit.plan(bundle=bundle)
    assert faults(caught.value) == [("demo", "bundle")]
    assert "containerd" in caught.value.problems[0].message


def test_every_fault_of_every_host_at_once() -> None:
    of = kit.site()
    found = kit.facts(
        of, control_plane={"cpus": 1, "sudo": False}, worker={"memory": 1, "clock_offset": -90.0}
    )
    with pytest.raises(Problems) as caught:
        kit.plan(of, found)
    assert faults(caught.value) == [
        (kit.CONTROL_PLANE, "cpus"),
        (kit.CONTROL_PLANE, "no-root"),
        (kit.WORKER, "clock"),
        (kit.WORKER, "memory"),
    ]


def test_disk_is_asked_for_on_the_file_system_that_gets_the_files() -> None:
    of = kit.site()
    roomy = {"disk_free": {"/": 1 << 20, "/var/lib": 100 * GIB, "/usr": GIB}}
    assert kit.plan(of, kit.facts(of, worker=roomy)).steps


def test_nothing_is_taken_from_a_cluster_that_is_not_ours() -> None:
    of = kit.site()
    with pytest.raises(Problems) as caught:
        decide_removal(of, kit.facts(of, worker={"foreign_cluster": True}), kit.index())
    assert faults(caught.value) == [(kit.WORKER, "foreign-cluster")]


def test_a_bundle_whose_kubernetes_its_apps_are_not_made_for_is_refused() -> None:
    of = kit.site()
    fits = replace(kit.index(), kube_versions=(">=1.30 <1.35", "~1.34"))
    assert kit.plan(of, kit.facts(of), fits).steps
    with pytest.raises(Problems) as caught:
        kit.plan(of, kit.facts(of), replace(fits, kube_versions=("~1.34", ">=1.35")))
    assert (caught.value.code, faults(caught.value)) == (ExitCode.PREFLIGHT, [("demo", "kube-version")])
    assert "installs Kubernetes v1.34.4, and is made for >=1.35" in caught.value.problems[0].message


NO_CGROUP_V1 = "v1.35.0"


@pytest.mark.parametrize(
    ("version", "says", "refused", "warned"),
    [
        ("v1.34.9", {}, False, False),
        (NO_CGROUP_V1, {}, True, False),
        (NO_CGROUP_V1, {"failCgroupV1": True}, True, False),
        (NO_CGROUP_V1, {"failCgroupV1": False}, False, True),
    ],
)
def test_cgroup_v1(version: str, says: Mapping[str, object], *, refused: bool, warned: bool) -> None:
    of = replace(kit.site(), kubeadm={"KubeletConfiguration": says})
    found = kit.facts(of, worker={"cgroup": CgroupVersion.V1})
    bundle = kit.index(kubernetes=version)
    if refused:
        with pytest.raises(Problems) as caught:
            kit.plan(of, found, bundle)
        assert (caught.value.code, faults(caught.value)) == (
            ExitCode.PREFLIGHT,
            [(kit.WORKER, "cgroup-v1")],
        )
        assert "systemd.unified_cgroup_hierarchy=1" in caught.value.problems[0].hint
        return
    made = kit.plan(of, found, bundle)
    assert [warning.partition(":")[0] for warning in made.warnings] == ([kit.WORKER] if warned else [])
    join, init = kit.steps(made)["workers/10.0.0.3/join"], kit.steps(made)["control-plane/10.0.0.2/init"]
    assert isinstance(join, Exec)
    assert isinstance(init, Exec)
    assert "SystemVerification" in join.script  # kubeadm's own check would say the same again
    assert "SystemVerification" not in init.script


@pytest.mark.parametrize("version", ["v1.25.16", "v1.20.2"])
def test_kubernetes_that_is_too_old_is_refused_with_the_reason(version: str) -> None:
    of = kit.site()
    with pytest.raises(BundlerError, match=f"{version} is too old") as caught:
        kit.plan(of, kit.facts(of), kit.index(kubernetes=version))
    assert caught.value.code is ExitCode.UNSUPPORTED
    assert "1.26 is the first version whose kubelet speaks CRI v1 alone" in caught.value.why


def test_a_bundle_without_dns_is_refused_unless_the_site_wants_none() -> None:
    of = kit.site()
    bundle = kit.index(images=tuple(name for name in kit.IMAGES if "coredns" not in name))
    with pytest.raises(Problems) as caught:
        kit.plan(of, kit.facts(of), bundle)
    assert faults(caught.value) == [("demo", "bundle")]
    assert "has no CoreDNS" in caught.value.problems[0].message
    without = replace(of, kubeadm={"ClusterConfiguration": {"dns": {"disabled": True}}})
    assert "network/10.0.0.2/dns" not in kit.steps(kit.plan(without, kit.facts(of), bundle))


@pytest.mark.parametrize(
    "name",
    [
        "w1\n10.0.0.2 evil",
        "$(touch /x)",
        "w1 registry.internal",
        "w_1",
        "-w1",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "apiserver.cluster.local",
        "registry.internal",
        "localhost.localdomain",
        "\x1b[2J",
    ],
)
def test_a_hosts_name_is_input(name: str) -> None:
    """It goes into every /etc/hosts and into scripts, so it has to be a name, and none of the cluster's."""
    of = kit.site()
    with pytest.raises(Problems) as caught:
        kit.plan(of, kit.facts(of, worker={"hostname": name}))
    assert faults(caught.value) == [(kit.WORKER, "hostname")]
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["w1", "W-01.Rack.example", "1a", "a" * 63])
def test_host_names_as_they_are(name: str) -> None:
    of = kit.site()
    assert kit.plan(of, kit.facts(of, worker={"hostname": name})).steps


def test_a_worker_does_not_loosen_kube_proxy_for_all() -> None:
    of = kit.site()
    found = kit.facts(of, worker={"conntrack_writable": False})
    with pytest.raises(Problems) as caught:
        kit.plan(of, found)
    assert faults(caught.value) == [(kit.WORKER, "conntrack")]
    said = {"KubeProxyConfiguration": {"conntrack": {"maxPerCore": 0}}}
    assert kit.plan(replace(of, kubeadm=said), found).steps
