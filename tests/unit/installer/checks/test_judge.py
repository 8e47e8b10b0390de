"""What each check finds, and that a site that is well has no findings."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from bundler.core.errors import BundlerError, ExitCode, Location, Problem
from bundler.installer.checks.catalogue import CHECKS
from bundler.installer.checks.certificates import Expiry
from bundler.installer.checks.judge import judge
from bundler.installer.checks.model import Area, Scene, Severity
from bundler.installer.checks.probe import Answer, CisLine, HostProbe, Interface, Link, Mount, Path, Space
from bundler.installer.facts.api import ApiObservation, Cordon, Node
from bundler.installer.facts.etcd import EtcdObservation, Member
from bundler.installer.facts.seen import Present, Unknown
from bundler.installer.plan.preflight import REQUIRED
from tests.unit.installer.checks import kit
from tests.unit.installer.checks.kit import ONE, THREE, TWO
from tests.unit.installer.plan import kit as plans

SITE = plans.site()


def values(**changed: str) -> HostProbe:
    return kit.values(SITE, ONE, **changed)


def probe(**changes: object) -> HostProbe:
    return kit.probe(SITE, ONE, **changes)


def sysctl(key: str, value: int) -> HostProbe:
    return probe(sysctls={**kit.SYSCTLS, key: str(value)})


def mount(point: str, kind: str, *options: str) -> HostProbe:
    root = Mount("/dev/vda1", "/", "ext4", frozenset({"rw"}))
    return probe(mounts=(root, Mount("/dev/vdb1", point, kind, frozenset(options))))


def test_there_are_at_least_eighty_checks_with_ids_and_words_of_their_own() -> None:
    assert len(CHECKS) >= 80
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert {check.area for check in CHECKS} == set(Area) - {Area.VENDOR}
    for check in CHECKS:
        assert all((check.title, check.reason, check.fix)), check.id
        assert re.fullmatch("[a-z0-9-]+", check.id)


def test_a_site_that_is_well_has_no_findings_and_most_checks_say_something() -> None:
    of = plans.site(2, control_planes=3)
    report = judge(kit.scene(of))
    assert kit.found(report) == {}
    assert not report.failed
    assert sum(result.passed for result in report.results) > 100


CASES: list[tuple[str, HostProbe, str]] = [
    ("etcd-shared", mount("/data", "ext4", "rw"), "/"),
    ("cgroup-controllers", values(controllers="cpu cpuset pids"), "no memory"),
    ("init-system", values(pid1="openrc"), "openrc"),
    ("systemd-old", values(systemd="239"), "systemd 239"),
    ("system-state", values(state="starting"), "starting"),
    ("units-failed", values(failed_units="a.service b.service"), "a.service, b.service"),
    ("reboot-pending", values(reboot="yes"), "a reboot is pending"),
    (
        "auto-updates",
        probe(units=frozenset({"chrony.service", "dnf-automatic.timer"})),
        "dnf-automatic.timer",
    ),
    ("package-lock", values(package_lock="4711"), "held by process 4711"),
    (
        "package-fault",
        values(package_fault="The following packages are half"),
        "The following packages are half",
    ),
    ("fips-mode", values(fips="1"), "on"),
    ("cpu-level", values(flags="cx16 ssse3"), "no lahf_lm, popcnt, sse4_1, sse4_2"),
    ("cpu-load", values(load5="12.0"), "3.0 per CPU"),
    ("cpu-steal", values(cpu_steal="20000"), "20%"),
    ("clock-source", values(clocksource="hpet"), "hpet"),
    ("memory-available", values(available=str(100 << 10)), "100 MiB"),
    ("hugepages", values(hugepages="3000"), "6,000 MiB of 8,192 MiB"),
    ("oom-kills", values(oom_kills="3"), "3 since the boot"),
    ("swap-on", values(swap=str(2 << 20)), "2,048 MiB"),
    ("swap-later", values(fstab_swap="1"), "/etc/fstab has swap, which is off now"),
    ("disk-size", probe(spaces={"/": Space("/", 10 << 20, 9 << 20)}), "10.0 GiB"),
    ("disk-full", probe(spaces={"/": Space("/", 100 << 20, 10 << 20)}), "/ 90%"),
    ("inodes", probe(inodes={"/": Space("/", 1000, 20)}), "/ 2% free"),
    ("mount-readonly", mount("/opt", "ext4", "ro"), "/opt"),
    ("mount-noexec", mount("/var", "ext4", "rw", "noexec"), "/var/lib"),
    ("mount-nosuid", mount("/var/lib", "ext4", "rw", "nosuid"), "/var/lib"),
    ("tmp-space", probe(spaces={"/tmp": Space("/tmp", 100 << 20, 10 << 10)}), "10 MiB"),  # noqa: S108  (a mount point)
    ("fs-kind", mount("/var/lib", "nfs4", "rw"), "nfs4"),
    ("fs-lost", mount("/var/lib/containerd", "tmpfs", "rw"), "tmpfs"),
    ("xfs-ftype", values(xfs_ftype="0"), "ftype=0"),
    ("etcd-fsync", probe(fsync=(0.001,) * 98 + (0.014, 0.014)), "14 ms (p99)"),
    ("disk-write", probe(write=5.0), "5 MiB/s"),
    ("disk-turns", values(rotational="1"), "a disk that turns"),
    ("etcd-link", values(etcd_link="/data/etcd"), "/var/lib/etcd → /data/etcd"),
    ("disk-errors", values(ext4_errors="7"), "7 errors noted"),
    ("folder-modes", values(modes="700:/var/lib 755:/"), "/var/lib 700"),
    ("time-service", probe(units=frozenset()), "none runs"),
    ("time-synced", values(synced="no"), "not synchronised"),
    ("hardware-clock", values(local_rtc="yes"), "local time"),
    (
        "module-overlay",
        probe(modules={**kit.MODULES, "overlay": "missing"}),
        "neither loaded nor to be loaded",
    ),
    (
        "module-bridge-filter",
        probe(modules={**kit.MODULES, "br_netfilter": "missing"}),
        "neither loaded nor to be loaded",
    ),
    (
        "module-netfilter",
        probe(modules={"nf_tables": "missing", "ip_tables": "missing"}),
        "neither nf_tables nor ip_tables",
    ),
    (
        "modules-locked",
        sysctl("kernel/modules_disabled", 1),
        "overlay, br_netfilter can't be loaded any more",
    ),
    ("sysctl-undone", values(sysctl_after="/etc/sysctl.d/99-x.conf"), "/etc/sysctl.d/99-x.conf"),
    ("inotify-watches", sysctl("fs/inotify/max_user_watches", 8192), "8,192"),
    ("inotify-instances", sysctl("fs/inotify/max_user_instances", 128), "128"),
    ("pid-max", sysctl("kernel/pid_max", 4096), "4,096"),
    ("file-max", sysctl("fs/file-max", 5000), "5,000"),
    ("open-files", values(nofile_hard="4096"), "4,096"),
    ("process-limit", values(processes="100"), "100"),
    ("rp-filter", sysctl("net/ipv4/conf/all/rp_filter", 1), "1 (strict)"),
    ("arp-ignore", sysctl("net/ipv4/conf/all/arp_ignore", 1), "1"),
    ("arp-filter", sysctl("net/ipv4/conf/all/arp_filter", 1), "1"),
    ("overcommit", sysctl("vm/overcommit_memory", 2), "2 (never)"),
    ("panic-on-oom", sysctl("vm/panic_on_oom", 1), "1"),
    ("user-namespaces", sysctl("user/max_user_namespaces", 0), "0"),
    ("local-ports", sysctl("net/ipv4/ip_local_port_range", 1024), "from 1,024 on"),
    ("conntrack-full", values(conntrack="250000"), "95%"),
    ("seccomp", values(seccomp="no"), "the kernel has none"),
    ("firewall", probe(units=frozenset({"chrony.service", "firewalld.service"})), "firewalld"),
    ("firewall-input", probe(chains=frozenset({"hook input policy drop"})), "policy drop"),
    ("firewall-forward", probe(chains=frozenset({"hook forward policy drop"})), "policy drop"),
    ("iptables-mixed", probe(chains=frozenset({"hook input", "legacy"})), "rules in both"),
    ("apparmor-parser", values(apparmor_parser="no"), "the program is missing"),
    ("selinux", values(selinux="1"), "enforcing, no container-selinux"),
    ("fapolicyd", probe(units=frozenset({"chrony.service", "fapolicyd.service"})), "runs"),
    ("security-agent", probe(units=frozenset({"chrony.service", "falcon-sensor.service"})), "falcon-sensor"),
    (
        "network-manager",
        probe(units=frozenset({"chrony.service", "NetworkManager.service"})),
        "no file leaves pods' links alone",
    ),
    ("other-cluster", probe(units=frozenset({"chrony.service", "k3s.service"})), "k3s"),
    ("other-engine", probe(units=frozenset({"chrony.service", "docker.service"})), "docker"),
    ("other-containerd", probe(units=frozenset({"chrony.service", "containerd.service"})), "containerd"),
    ("other-servers", probe(units=frozenset({"chrony.service", "nginx.service"})), "nginx"),
    ("left-config", probe(traces=frozenset({"/etc/kubernetes"})), "/etc/kubernetes"),
    ("left-kubelet", probe(traces=frozenset({"/var/lib/kubelet"})), "/var/lib/kubelet"),
    ("left-etcd", probe(traces=frozenset({"/var/lib/etcd"})), "/var/lib/etcd"),
    ("left-cni", probe(traces=frozenset({"/etc/cni/net.d"})), "/etc/cni/net.d"),
    ("left-network-state", probe(traces=frozenset({"/var/lib/cni"})), "/var/lib/cni"),
    ("left-images", probe(traces=frozenset({"/var/lib/containerd"})), "/var/lib/containerd"),
    ("left-engines", probe(traces=frozenset({"/var/lib/docker"})), "/var/lib/docker"),
    ("left-links", probe(devices=("eth0", "cni0")), "cni0"),
    ("dns-none", probe(resolver=()), "no nameserver"),
    ("dns-loopback", probe(resolver=(("nameserver", "127.0.0.53"),)), "127.0.0.53"),
    ("dns-many", probe(resolver=tuple(("nameserver", f"192.0.2.{n}") for n in range(4))), "4"),
    ("dns-search", probe(resolver=(("nameserver", "192.0.2.1"), ("search", "a b c d e f g"))), "7"),
    ("dns-wildcard", values(wildcard="192.0.2.9 x"), "answers 192.0.2.9 for any name"),
    ("dns-slow", values(dns_ns="9000000000"), "4.5 s"),
    ("own-name", values(own_name="192.0.2.77 other"), "leads to 192.0.2.77, which is another host"),
    ("static-name", values(static_name="golden-image"), "node-10-0-0-2 now, golden-image after a reboot"),
    (
        "proxy",
        values(proxies="https_proxy", no_proxy=f"localhost,{ONE}"),
        f"https_proxy is set, no_proxy lacks {TWO}",
    ),
    ("default-route", probe(routes=()), "none"),
    (
        "mtu-small",
        probe(interfaces=(Interface("eth0", "02:00:00:00:00:02", 1300, None, "-", "up", 1, 0),)),
        "1,300 bytes",
    ),
    (
        "nic-speed",
        probe(interfaces=(Interface("eth0", "02:00:00:00:00:02", 1500, 100, "full", "up", 1, 0),)),
        "100 Mbit/s",
    ),
    (
        "nic-duplex",
        probe(interfaces=(Interface("eth0", "02:00:00:00:00:02", 1500, 1000, "half", "up", 1, 0),)),
        "half duplex",
    ),
    (
        "nic-errors",
        probe(interfaces=(Interface("eth0", "02:00:00:00:00:02", 1500, 1000, "full", "up", 1000, 5),)),
        "5,000 per million packets",
    ),
    (
        "route-overlap",
        probe(routes=(("default", "eth0"), ("10.244.7.0/24", "tun0"))),
        "10.244.7.0/24 dev tun0",
    ),
    ("dns-overlap", probe(resolver=(("nameserver", "10.96.0.53"),)), "10.96.0.53"),
    ("machine-id", values(machine_id="uninitialized"), "'uninitialized'"),
    ("ssh-sessions", values(sessions="1"), "MaxSessions 1"),
]


@pytest.mark.parametrize(("name", "of", "value"), CASES, ids=[case[0] for case in CASES])
def test_one_host(name: str, of: HostProbe, value: str) -> None:
    result = kit.result(kit.scene(SITE, {ONE: of}), name)
    told = [(fault.where, fault.value) for fault in result.faults]
    assert told == [(ONE, value)]


@pytest.mark.parametrize(
    ("name", "change", "value"),
    [
        ("kernel-old", {"kernel": "3.10.0-1160.el7"}, "3.10.0-1160.el7"),
        ("kernel-cgroup", {"kernel": "5.4.0-100-generic"}, "5.4.0-100-generic"),
        ("container-host", {"virtualisation": "openvz"}, "openvz"),
        ("address-missing", {"addresses": ("192.0.2.9",), "networks": ()}, "has 192.0.2.9"),
        ("oom-score", {"oom_score_adjustable": False}, "can't be lowered"),
        ("left-packages", {"packages": {"kubelet": "1.28"}}, "kubelet"),
    ],
)
def test_one_hosts_facts(name: str, change: dict[str, object], value: str) -> None:
    found = kit.facts(SITE)
    changed = replace(found.hosts[ONE], **change)  # type: ignore[arg-type]  # a case names real fields
    of = kit.scene(SITE, found=replace(found, hosts={**found.hosts, ONE: changed}))
    assert [(fault.where, fault.value) for fault in kit.result(of, name).faults] == [(ONE, value)]


def silent(scene: Scene) -> Scene:
    return replace(
        scene, silent={TWO: BundlerError("no answer", why="timed out", code=ExitCode.HOST, fix="look")}
    )


def both(**changed: str) -> Scene:
    return kit.scene(SITE, {a: kit.values(SITE, a, **changed) for a in (ONE, TWO)})


def mixed() -> Scene:
    """Five hosts, two of which are arm64."""
    of = plans.site(4)
    found = kit.facts(of)
    arms = {a: replace(found.hosts[a], architecture="arm64") for a in (TWO, THREE)}
    return kit.scene(of, found=replace(found, hosts={**found.hosts, **arms}))


def of_cluster(*nodes: Node, members: tuple[Member, ...] = ()) -> Scene:
    found = replace(
        kit.facts(SITE),
        api=Present(ApiObservation("uid", nodes=nodes)),
        etcd=Present(EtcdObservation("e", members)),
    )
    return kit.scene(SITE, found=found)


def node_scene(**changes: object) -> Scene:
    """Both hosts are nodes of ours."""
    found = kit.facts(SITE)
    hosts = {
        a: replace(h, kubelet_config=True, admin_config=a == ONE, api=Unknown())
        for a, h in found.hosts.items()
    }
    well = kit.values(SITE, ONE, ours="yes", node="yes")
    units = frozenset({"chrony.service", "kubelet.service", "containerd.service", "bundler-registry.service"})
    changed = replace(well, **{"units": units, **changes})  # type: ignore[arg-type]  # a test names real fields
    return kit.scene(SITE, {ONE: changed}, replace(found, hosts=hosts))


DAY = 86_400
WIDE: list[tuple[str, Callable[[], Scene], list[tuple[str, str]]]] = [
    ("host-silent", lambda: silent(kit.scene()), [(TWO, "no answer timed out")]),
    ("copy-speed", lambda: kit.scene(speed={ONE: 3.2}), [(ONE, "3.2 MiB/s")]),
    (
        "machine-id-twice",
        lambda: both(machine_id="a" * 32),
        [(each, "2 hosts have aaaaaaaa…") for each in (ONE, TWO)],
    ),
    ("product-uuid-twice", lambda: both(uuid="U-1"), [(each, "2 hosts have u-1…") for each in (ONE, TWO)]),
    ("product-uuid-twice", lambda: both(uuid="00000000-0000-0000-0000-000000000000"), []),
    ("architecture-differs", mixed, [(TWO, "arm64, others amd64"), (THREE, "arm64, others amd64")]),
    ("quorum-even", lambda: kit.scene(plans.site(1, control_planes=2)), [("trial", "2 control planes")]),
    (
        "time-zone",
        lambda: kit.scene(plans.site(2), {TWO: kit.values(plans.site(2), TWO, timezone="Asia/Tokyo")}),
        [(TWO, "Asia/Tokyo, others Etc/UTC")],
    ),
    (
        "link-port",
        lambda: kit.scene(SITE, {ONE: probe(links=(Link(TWO, 10250, Answer.BLOCKED, 0.1),))}),
        [(f"{ONE} → {TWO}", "port 10250 (kubelet): a firewall forbids it")],
    ),
    (
        "link-port",
        lambda: kit.scene(SITE, {TWO: kit.probe(SITE, TWO, links=(Link(ONE, 6443, Answer.OPEN, 0.1),))}),
        [(f"{TWO} → {ONE}", "port 5000 (registry): no answer within 12 s")],
    ),
    (
        "link-mtu",
        lambda: kit.scene(SITE, {ONE: probe(paths=(Path(TWO, 1500, 0, 1),))}),
        [(f"{ONE} → {TWO}", "1,500 bytes get lost")],
    ),
    (
        "link-latency",
        lambda: kit.scene(SITE, {ONE: probe(links=(Link(TWO, 10250, Answer.REFUSED, 0.25),))}),
        [(f"{ONE} → {TWO}", "250 ms")],
    ),
    (
        "link-one-way",
        lambda: kit.scene(SITE, {ONE: probe(links=(Link(TWO, 10250, Answer.FAILED, 0.1),))}),
        [(f"{ONE} → {TWO}", f"no way, though {TWO} → {ONE} works")],
    ),
    (
        "address-answers",
        lambda: kit.scene(SITE, {ONE: probe(neighbours={TWO: "de:ad:be:ef:00:01"})}),
        [(f"{ONE} → {TWO}", "de:ad:be:ef:00:01 answers")],
    ),
    ("node-ready", lambda: of_cluster(Node("n", TWO, ready=False)), [(TWO, "not Ready")]),
    ("node-cordoned", lambda: of_cluster(Node("n", TWO, cordon=Cordon.PERSON)), [(TWO, "by person")]),
    (
        "node-versions",
        lambda: of_cluster(Node("a", ONE, version="v1.36.3"), Node("b", TWO, version="v1.37.2")),
        [("trial", "v1.36.3, v1.37.2")],
    ),
    ("node-stranger", lambda: of_cluster(Node("x", "10.0.0.99")), [("10.0.0.99", "x")]),
    (
        "etcd-member",
        lambda: of_cluster(members=(Member("1", "n", ONE, healthy=False),)),
        [(ONE, "not healthy")],
    ),
    (
        "etcd-size",
        lambda: of_cluster(members=(Member("1", "n", ONE, db_size=190, quota=200),)),
        [(ONE, "95%")],
    ),
    (
        "etcd-alarm",
        lambda: of_cluster(members=(Member("1", "n", ONE, alarms=("NOSPACE",)),)),
        [(ONE, "NOSPACE")],
    ),
    ("api-down", node_scene, [(ONE, "no answer")]),
    (
        "certificate-ends",
        lambda: node_scene(
            certificates=(Expiry("/a/apiserver.crt", 1e9 + 20 * DAY), Expiry("/a/ca.crt", 1e9 + 900 * DAY))
        ),
        [(ONE, "apiserver.crt: 20 days, 2001-09-29")],
    ),
    (
        "certificate-ended",
        lambda: node_scene(certificates=(Expiry("/a/apiserver.crt", 1e9 - DAY),)),
        [(ONE, "apiserver.crt: -1 days, 2001-09-08")],
    ),
    (
        "units-stopped",
        lambda: node_scene(units=frozenset({"chrony.service", "containerd.service"})),
        [(ONE, "kubelet"), (TWO, "kubelet, containerd")],
    ),
    (
        "registry-stopped",
        lambda: node_scene(units=frozenset({"kubelet.service", "containerd.service"})),
        [(ONE, "stopped")],
    ),
    ("registry-content", lambda: node_scene(missing_blobs=("a" * 64,)), [(ONE, "1 blob missing")]),
    (
        "cis-node",
        lambda: node_scene(cis=(CisLine("4.2.1", "FAIL", "x", "y"), CisLine("4.2.2", "PASS", "x", "y"))),
        [(ONE, "1 of 2 fail: 4.2.1")],
    ),
    (
        "cis-control-plane",
        lambda: node_scene(cis=(CisLine("1.2.1", "FAIL", "x", "y"), CisLine("4.2.2", "FAIL", "x", "y"))),
        [(ONE, "1 of 1 fail: 1.2.1")],
    ),
    (
        "apply-refused",
        lambda: kit.scene(refused=(Problem(Location("etcd"), "BND-QUORUM", "no"),)),
        [("etcd", "no")],
    ),
]


@pytest.mark.parametrize(("name", "of", "told"), WIDE, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(WIDE)])
def test_several_hosts(name: str, of: Callable[[], Scene], told: list[tuple[str, str]]) -> None:
    result = kit.result(of(), name)
    assert [(fault.where, fault.value) for fault in result.faults] == told


def test_what_looks_like_leftovers_is_ours_where_we_have_worked() -> None:
    for name in ("left-config", "left-links", "other-cluster", "other-containerd"):
        assert not kit.result(
            node_scene(traces=frozenset({"/etc/kubernetes"}), devices=("cni0",)), name
        ).faults


@pytest.mark.parametrize("rule", REQUIRED)
def test_the_preflight_is_shown_as_checks(rule: str) -> None:
    problem = Problem(Location(ONE), rule, "what was measured", "do this")
    result = kit.result(kit.scene(problems=(problem,)), rule)
    assert result.check.required
    assert result.severity is Severity.ERROR
    assert [(f.where, f.value, f.fix) for f in result.faults] == [(ONE, "what was measured", "do this")]


def test_a_host_without_an_answer_to_one_question_is_unmeasured_and_the_others_count() -> None:
    result = kit.result(
        kit.scene(plans.site(2), {ONE: kit.probe(plans.site(2), ONE, fsync=())}), "etcd-fsync"
    )
    assert not result.faults
    assert not result.passed
    assert result.looked.unmeasured == {ONE: "only 0 writes could be timed"}
