"""A host before any Kubernetes: kernel settings, names, programs, the kubelet's unit."""

from functools import lru_cache

from bundler.core.host_needs import HostNeeds
from bundler.core.index import Member
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.contents import TREE, Contents
from bundler.installer.plan.context import Context, content_digest, node_name
from bundler.installer.plan.endpoint import BALANCER
from bundler.installer.plan.hardening import files as hardening_files
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.kubeadm import kubelet_drop_in
from bundler.installer.plan.packages import packages_first
from bundler.installer.plan.settings import in_container
from bundler.installer.plan.steps import Deliver, Delivery, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.scripts.render import Script
from bundler.installer.site.model import Host

_MODULES = ("overlay", "br_netfilter")
_WORKER_PROGRAMS = ("kubeadm", "kubelet", "crictl", BALANCER)
_SYSCTLS = "net/ipv4/ip_forward=1 net/bridge/bridge-nf-call-iptables=1"
_SYSCTLS_V6 = "net/ipv6/conf/all/forwarding=1 net/bridge/bridge-nf-call-ip6tables=1"
# At least so much: whatever watches a file counts, and 128 are used up by a few dozen pods.
_LEAST = "fs/inotify/max_user_instances=8192 fs/inotify/max_user_watches=524288"
# The kubelet and kube-proxy set these while they run.
_REMEMBERED = " ".join(
    (
        "vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops",
        "kernel/keys/root_maxkeys kernel/keys/root_maxbytes net/ipv4/conf/all/route_localnet",
        "net/netfilter/nf_conntrack_max net/netfilter/nf_conntrack_tcp_timeout_established",
        "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    )
)


def host_steps(context: Context) -> tuple[Step, ...]:
    """Steps of every host; they wait for nothing."""
    workers = _worker_names(context)
    programs = {
        (each.platform, control): _programs(each, control=control)
        for each in (context.contents, *context.contents.mix.others.values())
        for control in (True, False)
    }
    return tuple(
        step
        for host, facts in context.hosts()
        for step in _one(context, host, facts, workers, programs[_kind(context, host)])
    )


def _kind(context: Context, host: Host) -> tuple[str, bool]:
    """What decides which programs it gets."""
    return context.contents.on(host.address).platform, host.is_control_plane


def prepare_steps(context: Context, trees: tuple[str, ...]) -> tuple[Step, ...]:
    """Of these the first alone. trees: folders that go as a whole when the host leaves."""
    workers = _worker_names(context)
    return tuple(_prepare(context, host, facts, workers, trees) for host, facts in context.hosts())


def _prepare(
    context: Context, host: Host, facts: HostFacts, workers: str, trees: tuple[str, ...] = paths.TREES
) -> Step:
    names = (
        _shared_lines(context, host) + workers if host.is_control_plane else _own_names(context, host, facts)
    )
    return Exec(
        id=Ids(host.address).prepare,
        host=host.address,
        phase=Phase.HOST,
        reason="pods need forwarded packets and a bridge that the packet filter sees; nodes need names",
        script=templates.script(
            "found.sh",
            "prepare.sh",
            modules=_modules(context, facts),
            sysctls=f"{_SYSCTLS} {_SYSCTLS_V6}" if context.site.speaks_v6 else _SYSCTLS,
            least=_least(context, facts),
            remembered=_REMEMBERED,
            trees=" ".join(trees),
            folders=" ".join(paths.FOLDERS),
        ),
        stdin=names,
    )


def _one(
    context: Context, host: Host, facts: HostFacts, workers: str, programs: tuple[Delivery, ...]
) -> tuple[Step, ...]:
    ids = Ids(host.address)
    files = _files(context, host, facts)
    return (
        _prepare(context, host, facts, workers),
        Deliver(
            id=ids.programs,
            host=host.address,
            phase=Phase.DISTRIBUTE,
            reason=f"a {_role(host)} runs these programs",
            after=(ids.prepare, *packages_first(context, host)),
            files=programs,
        ),
        *files,
        Exec(
            id=ids.kubelet,
            host=host.address,
            phase=Phase.HOST,
            reason="the node comes back after a reboot",
            after=(*(file.id for file in files), ids.programs),
            script=_enable(tuple(file.content for file in files)),
        ),
    )


@lru_cache  # thousands of hosts have few settings
def _enable(contents: tuple[str, ...]) -> Script:
    return templates.script("kubelet-enable.sh", inputs=content_digest("".join(contents)))


def _files(context: Context, host: Host, facts: HostFacts) -> tuple[Write, ...]:
    """What the kubelet and people's tools read, and on control planes what the API server does."""
    drop_ins = paths.KUBELET_DROP_INS if context.contents.version.kubelet_drop_ins else ""
    unit = templates.render("kubelet.service.j2", drop_ins=drop_ins)
    crictl = templates.render("crictl.yaml.j2", socket=paths.CONTAINERD_SOCKET)
    found = [
        _write(host, "kubelet-unit", "systemd starts the kubelet", f"{paths.UNITS}/kubelet.service", unit),
        _write(host, "crictl", "crictl finds containerd without options", paths.CRICTL_CONFIG, crictl),
    ]
    if drop_ins:
        reason = "the kubelet takes what is of this host alone from a file of its own"
        path = f"{drop_ins}/10-bundler.conf"
        found.append(_write(host, "kubelet-own", reason, path, kubelet_drop_in(context, facts)))
    if host.is_control_plane:
        found += [
            _write(host, file.name, "the API server is hardened", file.path, file.content, secret=file.secret)
            for file in hardening_files(
                context.contents.version,
                key=context.secrets.encryption_key,
                namespaces=context.contents.privileged_namespaces,
            )
        ]
    return tuple(found)


def _write(host: Host, what: str, reason: str, path: str, content: str, *, secret: bool = False) -> Write:
    return Write(
        id=ident(Phase.HOST, host.address, what),
        host=host.address,
        phase=Phase.HOST,
        reason=reason,
        after=(Ids(host.address).prepare,),
        path=path,
        content=content,
        mode=0o600 if path.startswith("/etc/kubernetes/") else 0o644,
        secret=secret,
    )


def _role(host: Host) -> str:
    return "control plane" if host.is_control_plane else "worker"


def _programs(contents: Contents, *, control: bool) -> tuple[Delivery, ...]:
    """To where they run: all on a control plane, on workers those that a node needs."""
    found = (contents.program(name) for name in _WORKER_PROGRAMS)
    members = contents.below(f"{TREE}/bin") if control else tuple(filter(None, found))
    return tuple(contents.deliver(each, f"{paths.PROGRAMS}/{_base(each)}", 0o755) for each in members)


def _base(member: Member) -> str:
    return member.path.rsplit("/", 1)[-1]


def _modules(context: Context, facts: HostFacts) -> str:
    """Kubernetes' own and those that the bundle wants. In a container they are those of its host."""
    loadable = "modprobe" in facts.commands and not in_container(facts)
    return " ".join(dict.fromkeys((*_MODULES, *_needs(context).modules))) if loadable else ""


def _least(context: Context, facts: HostFacts) -> str:
    """In a container the settings are those of its host."""
    return "" if in_container(facts) else " ".join(filter(None, (_LEAST, _needs(context).paths)))


def _needs(context: Context) -> HostNeeds:
    """Of kernels, whatever their platform."""
    return context.contents.needs


def _line(address: str, *names: str) -> str:
    return f"{address} {' '.join(dict.fromkeys(names))}\n"


def _shared_lines(context: Context, host: Host) -> str:
    """The site's own lines, control planes by name, and the registry's name for all that serve.

    Of several, the first that answers is taken.
    """
    aliases = (_line(alias.address, *alias.names) for alias in context.site.aliases)
    nodes = (_line(each.address, node_name(context.of(each))) for each in context.site.control_planes)
    domain = context.site.registry.domain
    registries = (_line(address, domain) for address in context.registries_for(host))
    return "".join((*aliases, *nodes, *registries))


def _own_names(context: Context, host: Host, facts: HostFacts) -> str:
    """A worker needs its own name and the shared ones: the file stays small on large sites."""
    return _shared_lines(context, host) + _line(host.address, node_name(facts))


def _worker_names(context: Context) -> str:
    return "".join(_line(host.address, node_name(context.of(host))) for host in context.site.workers)
