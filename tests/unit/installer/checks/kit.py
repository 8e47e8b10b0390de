"""A site that is well in every way; each test changes the one thing that it is about."""

from dataclasses import replace

from bundler.installer.checks.judge import judge
from bundler.installer.checks.links import wanted
from bundler.installer.checks.model import Report, Result, Scene
from bundler.installer.checks.probe import (
    Answer,
    HostProbe,
    Interface,
    Link,
    Mount,
    Path,
    Space,
)
from bundler.installer.facts.model import Facts
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.context import Context
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.vendor import NO_RULES, VendorRules
from bundler.installer.site.model import Site
from tests.unit.installer.plan import kit

ONE, TWO, THREE = "10.0.0.2", "10.0.0.3", "10.0.0.4"
KIB_DISK = 100 << 20  # 100 GiB in KiB

VALUES = {
    "pid1": "systemd",
    "systemd": "252",
    "state": "running",
    "nofile-hard": "524288",
    "synced": "yes",
    "ntp": "yes",
    "local-rtc": "no",
    "timezone": "Etc/UTC",
    "reboot": "no",
    "clocksource": "tsc",
    "load5": "0.10",
    "available": str(4 << 20),
    "swap": "0",
    "fstab-swap": "0",
    "hugepages": "0",
    "hugepage-size": "2048",
    "cpu-total": "100000",
    "cpu-steal": "10",
    "oom-kills": "0",
    "flags": "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3",
    "controllers": "cpuset cpu io memory hugetlb pids",
    "seccomp": "yes",
    "apparmor-parser": "yes",
    "processes": "31000",
    "sessions": "10",
    "conntrack": "10",
    "conntrack-max": "262144",
    "ext4-errors": "0",
    "node": "no",
    "ours": "no",
    "modes": "755:/ 755:/var/lib",
    "rotational": "0",
    "dns-ns": "1000000",
}
SYSCTLS = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/rp_filter": "2",
    "net/ipv4/conf/all/arp_ignore": "0",
    "net/ipv4/conf/all/arp_filter": "0",
    "fs/inotify/max_user_watches": "524288",
    "fs/inotify/max_user_instances": "8192",
    "kernel/pid_max": "4194304",
    "kernel/modules_disabled": "0",
    "fs/file-max": "9223372036854775807",
    "vm/overcommit_memory": "0",
    "vm/panic_on_oom": "0",
    "user/max_user_namespaces": "63535",
    "net/ipv4/ip_local_port_range": "32768 60999",
}
MODULES = dict.fromkeys(
    ("overlay", "br_netfilter", "nf_conntrack", "nf_tables", "ip_tables", "vxlan", "veth"), "loadable"
)


def probe(of: Site, address: str, **changes: object) -> HostProbe:
    """A host that is well; changes: fields of the probe."""
    number = address.rpartition(".")[2]
    links = tuple(
        Link(each.address, port, Answer.REFUSED, 0.001)
        for each in wanted(of).get(address, ())
        for port in each.ports
    )
    plain = HostProbe(
        address=address,
        values={
            **VALUES,
            "machine-id": number.zfill(32),
            "uuid": f"uuid-{number}",
            "static-name": f"node-{address.replace('.', '-')}",
            "own-name": f"{address} node",
        },
        sysctls=SYSCTLS,
        modules=MODULES,
        units=frozenset({"chrony.service"}),
        mounts=(
            Mount("/dev/vda1", "/", "ext4", frozenset({"rw", "relatime"})),
            Mount("/dev/vdb1", "/var/lib/etcd", "ext4", frozenset({"rw", "relatime"})),
        ),
        spaces={"/": Space("/", KIB_DISK, KIB_DISK // 2), "/tmp": Space("/", KIB_DISK, KIB_DISK // 2)},  # noqa: S108  (a mount point)
        inodes={"/": Space("/", 1000, 900)},
        interfaces=(Interface("eth0", f"02:00:00:00:00:{number:0>2}", 1500, 10_000, "full", "up", 1000, 0),),
        routes=(("default", "eth0"), ("10.0.0.0/24", "eth0")),
        resolver=(("nameserver", "192.0.2.53"),),
        fsync=(0.001,) * 100,
        write=200.0,
        links=links,
        paths=tuple(Path(each.address, 1500, 1, 1) for each in wanted(of).get(address, ())),
        neighbours={},
        seconds=2.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names real fields


def values(of: Site, address: str, **changed: str) -> HostProbe:
    """The same with other values; `_` stands for `-`."""
    well = probe(of, address)
    return replace(well, values={**well.values, **{k.replace("_", "-"): v for k, v in changed.items()}})


def facts(of: Site) -> Facts:
    found = kit.facts(of)
    hosts = {
        address: replace(each, networks=(f"eth0 {address}/24",), apparmor=True)
        for address, each in found.hosts.items()
    }
    return replace(found, hosts=hosts)


def context(of: Site, found: Facts) -> Context:
    bundle = kit.index()
    return context_of(of, found, Contents(bundle, kit.files_of(bundle)), kit.of_site(kit.SECRETS, of))


def scene(
    of: Site | None = None,
    probes: dict[str, HostProbe] | None = None,
    found: Facts | None = None,
    rules: VendorRules = NO_RULES,
    **changes: object,
) -> Scene:
    """A site that is well, with these probes instead."""
    of = of or kit.site()
    found = found or facts(of)
    plain = Scene(
        site=of,
        facts=found,
        probes={h.address: probe(of, h.address) for h in of.hosts} | (probes or {}),
        context=context(of, found),
        subnets=("10.244.0.0/16", "10.96.0.0/12"),
        now=1e9,
        speed={of.hosts[0].address: 80.0},
        rules=rules,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names real fields


def found(report: Report) -> dict[str, Result]:
    """Results with findings, by id."""
    return {result.check.id: result for result in report.results if result.faults}


def result(of: Scene, name: str) -> Result:
    """One check's."""
    return next(each for each in judge(of).results if each.check.id == name)
