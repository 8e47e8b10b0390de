"""Whether every host is fit for the plan: all faults of all hosts at once, each with what to do."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from bundler.core.archive.platforms import choose
from bundler.core.errors import ExitCode, Location, Problem, Problems
from bundler.core.hostnames import fault as name_fault
from bundler.core.versions import matches
from bundler.installer.facts.model import CgroupVersion, Facts, HostFacts
from bundler.installer.plan.cluster.steps import Verb
from bundler.installer.plan.contents import TREE
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.distribution import Distribution
from bundler.installer.plan.dns import has_dns
from bundler.installer.plan.endpoint import API_PORT, BALANCER, ENDPOINT, balanced
from bundler.installer.plan.kubeadm import allows_cgroup_v1, cluster_documents, overlapping
from bundler.installer.plan.limits import MIB, HostLimits
from bundler.installer.plan.packages import carries_containerd
from bundler.installer.plan.paths import REGISTRY_STORE
from bundler.installer.plan.steps import Deliver, Plan
from bundler.installer.plan.suites import TOOLS, own_suite, suite_of
from bundler.installer.plan.vip import KEEPALIVED, vip_device, vip_program
from bundler.installer.plan.weakened import weakened
from bundler.installer.site.model import Host, LocalEndpoint, VirtualEndpoint

_COMMANDS: Final = ("systemctl", "tar", "sha256sum")
_NODE_PORTS: Final = {10250: "the kubelet"}
_CONTROL_PLANE_PORTS: Final = {
    API_PORT: "the API server",
    2379: "etcd",
    2380: "etcd",
    10257: "the controller manager",
    10259: "the scheduler",
}
_PROGRAMS: Final = ("kubeadm", "kubelet", "kubectl", "registry")

Check = Callable[[Context, Host, HostFacts, HostLimits], Iterator[Problem]]


REQUIRED: Final[Mapping[str, str]] = MappingProxyType(  # what each rule looks at
    {
        "no-root": "commands run as root",
        "foreign-cluster": "the host belongs to no other cluster",
        "missing-command": "systemd, tar and the package manager are there",
        "architecture": "the bundle is for the host's architecture",
        "suite": "the bundle has packages for the host's system",
        "memory": "memory of the machine",
        "cpus": "CPUs of a control plane",
        "port": "ports that Kubernetes and the registry listen on are free",
        "cgroup-v1": "cgroup v2, where this Kubernetes asks for it",
        "bundle": "programs, containerd and CoreDNS are in the bundle",
        "kube-version": "the bundle was made for its Kubernetes",
        "vip-network": "the virtual address lies in a control plane's network",
        "vip-program": "keepalived is there for a virtual address",
        "balancer": "a worker beside several control planes has a balancer",
        "hostname": "names are host names (RFC 1123) and differ",
        "conntrack": "kube-proxy can set the connection tracking's size",
        "clock": "clocks agree with the control plane's",
        "subnet": "no host lies in the pods' or services' subnets",
        "disk": "what is delivered and unpacked fits on the disks",
    }
)


# Where nothing can come of an install, no flag passes over it.
STRICT: Final = frozenset(
    {"no-root", "foreign-cluster", "missing-command", "architecture", "suite", "bundle", "hostname"}
)


def check(context: Context, plan: Plan, limits: HostLimits, ignored: frozenset[str] = frozenset()) -> None:
    """Look at every host. Raises Problems (PREFLIGHT) when one is unfit in what is not ignored."""
    found = tuple(problem for problem in problems(context, plan, limits) if problem.rule not in ignored)
    if found:
        raise Problems(found, code=ExitCode.PREFLIGHT)


def problems(context: Context, plan: Plan, limits: HostLimits) -> tuple[Problem, ...]:
    """Everything that is unfit; the rules are those of `REQUIRED`."""
    found = [
        problem
        for host, facts in context.hosts()
        for one in _CHECKS
        for problem in one(context, host, facts, limits)
    ]
    found += _bundle(context)
    found += _endpoint(context)
    found += _names(context)
    found += _conntrack(context)
    found += () if _sets_clocks(plan) else _clocks(context, limits)
    found += _subnets(context)
    found += _disks(context, plan, limits)
    return tuple(found)


def check_names(context: Context) -> None:
    """Names that are none, before a step is made with one. Raises Problems (PREFLIGHT)."""
    wrong = tuple(problem for problem in _names(context) if " is no host name: " in problem.message)
    if wrong:
        raise Problems(wrong, code=ExitCode.PREFLIGHT)


def check_removal(facts: Facts) -> None:
    """Nothing is taken from a host whose cluster somebody else made. Raises Problems (PREFLIGHT)."""
    found = [problem for host in facts.hosts.values() for problem in (*_root(host), *_foreign(host))]
    if found:
        raise Problems(tuple(found), code=ExitCode.PREFLIGHT)


def _problem(host: str, rule: str, message: str, fix: str) -> Problem:
    return Problem(Location(host), rule, message, fix)


def _root(facts: HostFacts) -> Iterator[Problem]:
    if not facts.sudo:
        fix = "log in as root, or give the user passwordless sudo or its password"
        yield _problem(facts.address, "no-root", "commands can't be run as root", fix)


def _foreign(facts: HostFacts) -> Iterator[Problem]:
    if facts.foreign_cluster:
        message = "this host is a node of a cluster that was not made by this product"
        fix = "remove it from that cluster (kubeadm reset), or from the Clusterfile"
        yield _problem(facts.address, "foreign-cluster", message, fix)


def _access(_context: Context, _host: Host, facts: HostFacts, _limits: HostLimits) -> Iterator[Problem]:
    yield from _root(facts)
    yield from _foreign(facts)
    missing = [name for name in _COMMANDS if name not in facts.commands]
    if missing:
        fix = "install it; the host must run systemd"
        yield _problem(facts.address, "missing-command", f"the host lacks {', '.join(missing)}", fix)


def _architecture(context: Context, _host: Host, facts: HostFacts, _limits: HostLimits) -> Iterator[Problem]:
    """Every host has to find its own platform in the file."""
    platforms = context.contents.platforms or (context.contents.index.platform,)
    if choose(platforms, facts.architecture) is not None:
        return
    message = f"the host is {facts.architecture}, the bundle is for {', '.join(map(_machine, platforms))}"
    yield _problem(facts.address, "architecture", message, _way(context, platforms))


def _way(context: Context, platforms: tuple[str, ...]) -> str:
    """One file for all where it fits some of the hosts, else another one."""
    found = dict.fromkeys(facts.architecture for _, facts in context.hosts())
    lacking = [each for each in found if choose(platforms, each) is None]
    if len(lacking) == len(found) == 1:
        return f"use the .run for {lacking[0]}"
    wanted = ",".join((*platforms, *(f"linux/{each}" for each in lacking)))
    return f"get a .run for all of them: bundler make --platform {wanted} --universal"


def _machine(platform: str) -> str:
    return platform.split("/")[1]


def _system(context: Context, _host: Host, facts: HostFacts, _limits: HostLimits) -> Iterator[Problem]:
    suites = context.contents.on(facts.address).suites
    if not suites:
        return
    suite = suite_of(context, facts)
    if suite is None:
        has, host = ", ".join(sorted(suites)), own_suite(facts)
        message = f"the host is {host}; the bundle has packages for {has}"
        fix = f"add PACKAGE {host} … to the Kubefile, or install another system on the host"
        yield _problem(facts.address, "suite", message, fix)
    elif (command := TOOLS[suite.known.family].command) not in facts.commands:
        message = f"the host lacks {command}"
        yield _problem(facts.address, "missing-command", message, f"install {command}")


def _size(_context: Context, host: Host, facts: HostFacts, limits: HostLimits) -> Iterator[Problem]:
    memory = limits.control_plane_memory if host.is_control_plane else limits.worker_memory
    role = "control plane" if host.is_control_plane else "worker"
    if facts.memory < memory:
        message = f"{facts.memory // MIB} MiB of memory; a {role} needs {memory // MIB} MiB"
        yield _problem(facts.address, "memory", message, "give the machine more memory")
    if host.is_control_plane and facts.cpus < limits.control_plane_cpus:
        message = f"{facts.cpus} CPU; a control plane needs {limits.control_plane_cpus}"
        yield _problem(facts.address, "cpus", message, "give the machine more CPUs")


def _ports(context: Context, host: Host, facts: HostFacts, _limits: HostLimits) -> Iterator[Problem]:
    if facts.stamps or facts.kubelet_config:
        return  # an earlier run of ours may hold them
    wanted: dict[int, str] = dict(_NODE_PORTS)
    if host.is_control_plane:
        wanted |= {**_CONTROL_PLANE_PORTS, **_registry_port(context)}
    elif balanced(context, host):
        wanted[API_PORT] = "this node's way to the API"
    for port, user in sorted(wanted.items()):
        if port in facts.listening_ports:
            message = f"port {port}, which {user} needs, is taken"
            yield _problem(
                facts.address, "port", message, f"stop what listens there: ss -ltnp 'sport = {port}'"
            )


def _cgroup(context: Context, _host: Host, facts: HostFacts, _limits: HostLimits) -> Iterator[Problem]:
    if facts.cgroup is CgroupVersion.V1 and not allows_cgroup_v1(context):
        version = context.contents.version
        message = f"the host has cgroup v1, on which the kubelet of Kubernetes {version.text} does not start"
        fix = (
            "boot it with systemd.unified_cgroup_hierarchy=1 on the kernel's command line, or install a"
            " release whose default is cgroup v2; only if that can't be, put failCgroupV1: false into a"
            " KubeletConfiguration of the Clusterfile"
        )
        yield _problem(facts.address, "cgroup-v1", message, fix)


def warnings(context: Context) -> tuple[str, ...]:
    """What goes well today and should not stay so, and what was asked to be less safe than it would be."""
    return (*_cgroup_v1(context), *_open(context))


def _open(context: Context) -> Iterator[str]:
    if context.contents.distribution is Distribution.KUBEADM:
        documents = cluster_documents(context)
        yield from weakened(documents["ClusterConfiguration"], documents["KubeletConfiguration"])


def _cgroup_v1(context: Context) -> tuple[str, ...]:
    if not context.contents.version.refuses_cgroup_v1:
        return ()
    old = [host.address for host, facts in context.hosts() if facts.cgroup is CgroupVersion.V1]
    return tuple(
        f"{address}: cgroup v1, which the site allows (failCgroupV1: false); a later Kubernetes will not"
        for address in old
    )


_CHECKS: Final[tuple[Check, ...]] = (_access, _architecture, _system, _size, _ports, _cgroup)


def _bundle(context: Context) -> Iterator[Problem]:
    contents = context.contents
    if contents.distribution is Distribution.KUBEADM:
        yield from _programs(context)
    for other in contents.shared:
        if other.index.kubernetes != contents.index.kubernetes:
            message = (
                f"the bundle installs Kubernetes {contents.index.kubernetes} on {contents.index.platform}"
                f" and {other.index.kubernetes} on {other.index.platform}"
            )
            fix = "let io.kubernetes.version be the same for all platforms"
            yield _problem(contents.index.name, "bundle", message, fix)
    for text in contents.index.kube_versions:
        if not matches(text, contents.version.text):
            message = f"the bundle installs Kubernetes {contents.version.text}, and is made for {text}"
            fix = "use a .run whose base has a version that fits; its KUBEVERSION says which"
            yield _problem(contents.index.name, "kube-version", message, fix)


def _programs(context: Context) -> Iterator[Problem]:
    """What kubeadm needs; other distributions are asked by their runtime."""
    contents = context.contents
    for each in contents.shared:
        name, which = contents.index.name, f" for {each.index.platform}" if contents.mix.used else ""
        for program in _PROGRAMS:
            if each.program(program) is None:
                fix = f"the Kubefile must put {program} into bin/, or build FROM a base that does"
                yield _problem(name, "bundle", f"the bundle has no {TREE}/bin/{program}{which}", fix)
        if not carries_containerd(each.index.packages) and not each.runtime_archives:
            fix = "the Kubefile needs PACKAGE … containerd, or containerd's archive in cri/"
            yield _problem(name, "bundle", f"the bundle has no containerd{which}", fix)
    if has_dns(context) and not contents.has_coredns:
        fix = "IMAGE registry.k8s.io/coredns/coredns:VERSION, or dns.disabled in a ClusterConfiguration"
        yield _problem(contents.index.name, "bundle", "the bundle has no CoreDNS, the cluster's DNS", fix)


def _endpoint(context: Context) -> Iterator[Problem]:
    match context.site.endpoint:
        case LocalEndpoint() if len(context.site.control_planes) > 1:
            yield from _balancers(context)
        case VirtualEndpoint(address):
            yield from _virtual(context, address)
        case _:
            return


def _virtual(context: Context, address: str) -> Iterator[Problem]:
    """Every control plane must be able to have the address."""
    for host in context.site.control_planes:
        facts = context.of(host)
        if not vip_device(facts, address):
            networks = ", ".join(text.partition(" ")[2] for text in facts.networks) or "none"
            message = f"{address}, the API's virtual address, is in no network of this host ({networks})"
            fix = "name a free address of the control planes' network in spec.endpoint.vip"
            yield _problem(host.address, "vip-network", message, fix)
        if not vip_program(context, facts):
            message = f"a virtual address needs {KEEPALIVED}, which the bundle lacks for this host"
            fix = f"add PACKAGE {own_suite(facts)} {KEEPALIVED} to the Kubefile, or leave spec.endpoint out"
            yield _problem(host.address, "vip-program", message, fix)


def _balancers(context: Context) -> Iterator[Problem]:
    """Several control planes need something before them on each worker; one can be asked as it is."""
    count = len(context.site.control_planes)
    for host in context.site.workers:
        if not balanced(context, host):
            suite = own_suite(context.of(host))
            message = (
                f"a worker beside {count} control planes needs a balancer, and the bundle has no {BALANCER}"
            )
            fix = (
                f"add PACKAGE {suite} {BALANCER} to the Kubefile, or a static {BALANCER} to bin/; "
                "or name spec.endpoint.external, a balancer of your own"
            )
            yield _problem(host.address, "balancer", message, fix)


def _names(context: Context) -> Iterator[Problem]:
    """A host's name goes into every /etc/hosts and into scripts: it has to be one, and its own."""
    names = Counter(node_name(facts) for _, facts in context.hosts())
    ours = {ENDPOINT, context.site.registry.domain}
    fix = "hostnamectl set-hostname NAME"
    for host, facts in context.hosts():
        name = node_name(facts)
        if not name or name == "localhost" or name.startswith("localhost."):
            yield _problem(host.address, "hostname", "the host has no name", fix)
        elif why := name_fault(name):
            yield _problem(host.address, "hostname", f"its name {name[:80]!r} is no host name: {why}", fix)
        elif name in ours:
            yield _problem(host.address, "hostname", f"{name} is a name that the cluster itself needs", fix)
        elif names[name] > 1:
            yield _problem(host.address, "hostname", f"another host is called {name} too", fix)


def _conntrack(context: Context) -> Iterator[Problem]:
    """kube-proxy has one setting for all nodes: the control plane decides, no worker loosens it."""
    proxy = context.site.kubeadm.get("KubeProxyConfiguration", {})
    left_alone = not context.cluster.conntrack_writable or "conntrack" in proxy
    for host, facts in () if left_alone else context.hosts():
        if not facts.conntrack_writable:
            fix = "in the Clusterfile: KubeProxyConfiguration with conntrack: {maxPerCore: 0}, for all nodes"
            message = "net.netfilter.nf_conntrack_max can't be set here, and kube-proxy needs to"
            yield _problem(host.address, "conntrack", message, fix)


def _sets_clocks(plan: Plan) -> bool:
    """Whether this stage sets them; before the next one they are looked at again."""
    stage = plan.decision.stage if plan.decision else None
    return stage is not None and bool(stage.verbs(Verb.SET_CLOCK))


def _clocks(context: Context, limits: HostLimits) -> Iterator[Problem]:
    """Against the control plane, whose certificates are refused where they are not yet valid."""
    base = context.of(context.primary).clock_offset
    for host, facts in context.hosts():
        apart = facts.clock_offset - base
        if abs(apart) > limits.clock:
            side = "ahead of" if apart > 0 else "behind"
            message = f"the clock is {abs(apart):.0f} s {side} the control plane's"
            yield _problem(host.address, "clock", message, _clock_fix(context))


def _clock_fix(context: Context) -> str:
    if context.site.ntp:
        return "add --fix, and the Clusterfile's time servers set it before anything is issued"
    return "set the clock, or name the site's time servers (ntp) and add --fix"


def _subnets(context: Context) -> Iterator[Problem]:
    try:
        found = overlapping(context)
    except ValueError as error:
        fix = "write podSubnet and serviceSubnet as 10.1.0.0/16"
        yield _problem("ClusterConfiguration", "subnet", str(error), fix)
        return
    for text in found:
        fix = "set networking.podSubnet and serviceSubnet in a ClusterConfiguration of the Clusterfile"
        yield _problem(text.partition(" ")[0], "subnet", f"{text}, which the cluster uses for itself", fix)


def _disks(context: Context, plan: Plan, limits: HostLimits) -> Iterator[Problem]:
    """What is still to be delivered must fit, on each file system, with room for layers to be unpacked."""
    wanted: dict[str, dict[str, int]] = {}
    for step in plan.steps:
        if isinstance(step, Deliver):
            places = wanted.setdefault(step.host, {})
            for file in step.files:
                path = _lies_at(file.path, context.site.data_root)
                place = _mount(context.facts.hosts[step.host].disk_free, path)
                places[place] = places.get(place, 0) + file.size
    for host, facts in context.hosts():
        needs = wanted.get(host.address, {})
        if not needs:
            continue
        place = _mount(facts.disk_free, "/var/lib/containerd")
        node = context.contents.on(host.address).node_size
        needs[place] = needs.get(place, 0) + int(node * limits.unpacked) + limits.spare_disk
        yield from _full(facts, needs)


def _full(facts: HostFacts, needs: Mapping[str, int]) -> Iterator[Problem]:
    for place, size in sorted(needs.items()):
        free = facts.disk_free.get(place)
        if free is not None and free < size:
            message = f"{free // MIB} MiB free on {place}; {size // MIB} MiB are needed"
            yield _problem(facts.address, "disk", message, f"make room on the file system of {place}")


def _registry_port(context: Context) -> dict[int, str]:
    return {} if context.site.external else {context.site.registry.port: "the site's registry"}


def _lies_at(path: str, data_root: str) -> str:
    """Where a file ends up: the registry's store may be on another disk."""
    if not data_root or not path.startswith(f"{REGISTRY_STORE}/"):
        return path
    return f"{data_root}/registry{path.removeprefix(REGISTRY_STORE)}"


def _mount(free: Mapping[str, int], path: str) -> str:
    """The longest of the measured paths that this one is below."""
    fits = [place for place in free if path == place or path.startswith(place.rstrip("/") + "/")]
    return max(fits, key=len, default="/")
