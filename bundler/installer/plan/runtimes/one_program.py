"""Distributions that are one program: a unit of systemd that holds containerd, kubelet and control plane.

The site's names, registry, balancer, apps and plug-ins are the same as with kubeadm. What the program makes
is linked to where everything else looks: `kubectl`, `/etc/kubernetes/admin.conf` and `kubelet.conf`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bundler.core.errors import Location, Problem
from bundler.core.index import Member
from bundler.installer.plan import paths
from bundler.installer.plan.contents import TREE, Contents
from bundler.installer.plan.context import Context, content_digest, node_name
from bundler.installer.plan.endpoint import BALANCER, balanced
from bundler.installer.plan.host import prepare_steps
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.join import kubectl_for_root
from bundler.installer.plan.leave import DRAIN_LIMIT, Row
from bundler.installer.plan.network import network_steps
from bundler.installer.plan.packages import packages_first
from bundler.installer.plan.remove import host_removal
from bundler.installer.plan.runtimes import program_upgrade as upgrade
from bundler.installer.plan.runtimes.documents import unread
from bundler.installer.plan.runtimes.flavour import File, Flavour
from bundler.installer.plan.runtimes.verbs import Departure
from bundler.installer.plan.stale import told_id
from bundler.installer.plan.steps import Await, Deliver, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_ARCHIVES: Final = (".tar", ".tar.gz", ".tar.zst")
_STARTS: Final = 600.0  # seconds; images are unpacked at the first start
_SETTLES: Final = 300.0


@dataclass(frozen=True, slots=True)
class OneProgram:
    """The runtime of one flavour."""

    flavour: Flavour

    def faults(self, context: Context) -> tuple[Problem, ...]:
        """The program has to be in the bundle; kubeadm's documents mean nothing to it."""
        return tuple(self._faults(context))

    def _faults(self, context: Context) -> Iterator[Problem]:
        name = self.flavour.layout.program
        parts = ((f"{name}/{name}", f"FROM {name}"), ("bin/registry", "put the registry into bin/"))
        for index in (each.index for each in context.contents.shared):
            for path, fix in parts:
                if index.member(f"{TREE}/{path}") is None:
                    yield Problem(Location(index.name), "bundle", f"the bundle has no {TREE}/{path}", fix)
        yield from unread(context, name)

    def machine(self, context: Context) -> tuple[Step, ...]:
        """Names and kernel settings as for any node, then the program."""
        trees = (*paths.TREES, *self.flavour.layout.trees)
        prepared = prepare_steps(context, trees)
        return (*prepared, *(self._programs(context, host) for host in context.site.hosts))

    def _programs(self, context: Context, host: Host) -> Step:
        layout, own = self.flavour.layout, context.contents.on(host.address)
        files = [own.deliver(self._program(own), f"{paths.PROGRAMS}/{layout.program}", 0o755)]
        files += [own.deliver(each, f"{layout.images}/{_base(each)}", 0o644) for each in self._archives(own)]
        files += [own.deliver(each, f"{paths.PROGRAMS}/{_base(each)}", 0o755) for each in _beside(own, host)]
        return Deliver(
            id=Ids(host.address).programs,
            host=host.address,
            phase=Phase.DISTRIBUTE,
            reason=f"{layout.program} is one program; its own images come with it",
            after=(Ids(host.address).prepare, *packages_first(context, host)),
            files=tuple(files),
        )

    def _program(self, contents: Contents) -> Member:
        name = self.flavour.layout.program
        return contents.required(f"{TREE}/{name}/{name}")

    def _archives(self, contents: Contents) -> tuple[Member, ...]:
        below = contents.below(f"{TREE}/{self.flavour.layout.program}")
        return tuple(each for each in below if each.path.endswith(_ARCHIVES))

    def containers(self, context: Context) -> tuple[Step, ...]:
        """What the program reads; one that runs already is started anew where it has changed."""
        own = (step for host in context.site.hosts for step in self._files(context, host))
        return (*self.flavour.mirrors(context), *own)

    def _files(self, context: Context, host: Host) -> tuple[Step, ...]:
        files = self.flavour.files(context, host)
        writes = tuple(_write(host, file) for file in files)
        return (
            *writes,
            Exec(
                id=self._read(host),
                host=host.address,
                phase=Phase.RUNTIME,
                reason="what it reads has changed",
                after=(*(step.id for step in writes), Ids(host.address).programs),
                timeout=_STARTS,
                script=templates.script(
                    "distribution-again.sh",
                    unit=self.flavour.unit(host),
                    disturbs="etcd" if host.is_control_plane else "runtime",
                    inputs=content_digest("".join(file.content for file in files)),
                ),
            ),
        )

    def _read(self, host: Host) -> str:
        """The step behind which the program has read its files; without hosts.toml, those of registries."""
        by_file = self.flavour.layout.reads_registries
        return told_id(host.address) if by_file else ident(Phase.RUNTIME, host.address, "read")

    def init(self, context: Context) -> tuple[Step, ...]:
        """The first start makes the cluster; where it runs, only what joining needs is captured."""
        primary = context.primary
        first = () if context.running else (self._start(context, primary, Ids(primary.address).init),)
        kubectl = kubectl_for_root(primary, context.begun)
        return (*first, kubectl, *self._credentials(context))

    def _credentials(self, context: Context) -> Iterator[Step]:
        joining = (*context.further, *context.site.workers)
        for token in {each.name: each for each in map(self.flavour.token, joining)}.values():
            yield self._capture(context, token.name, templates.script(*token.scripts, **token.variables))
        if any(balanced(context, worker) for worker in context.site.workers):
            yield self._capture(context, "ca-file", templates.script("ca-file.sh"))

    def _capture(self, context: Context, name: str, script: str) -> Step:
        host = context.primary.address
        return Exec(
            id=ident(Phase.CONTROL_PLANE, host, name),
            host=host,
            phase=Phase.CONTROL_PLANE,
            reason=f"the {name.replace('-', ' ')}, for hosts that join",
            after=context.begun,
            script=script,
            capture=name,
            always_run=True,
            only_if_needed=True,
            secret=True,
        )

    def _start(self, context: Context, host: Host, name: str, after: tuple[str, ...] = ()) -> Step:
        layout, ids = self.flavour.layout, Ids(host.address)
        begins = name == ids.init
        environment = self.flavour.begin(context) if begins else self.flavour.join(context, host)
        behind = (ids.endpoint,) if begins or not host.is_control_plane else ()
        return Exec(
            id=name,
            host=host.address,
            phase=Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS,
            reason=f"{layout.program} {context.contents.version.text} is to run here",
            after=(self._read(host), ids.programs, *behind, *after),
            stdin=environment,
            timeout=_STARTS,
            script=templates.script(
                "kubectl.sh",
                "distribution-start.sh",
                unit=self.flavour.unit(host),
                program=layout.program,
                environment=layout.environment,
                token=layout.token if begins and not layout.token_is_spent else "",
                admin=layout.admin if host.is_control_plane else "",
                ca=layout.ca if host.is_control_plane else "",
                kubelet=layout.kubelet,
                spent=layout.token if layout.token_is_spent and not begins else "",
                inputs=content_digest(environment),
            ),
        )

    def join(self, context: Context, host: Host, *, after: tuple[str, ...] = ()) -> tuple[Step, ...]:
        """A token, the first start, and for a control plane the wait for etcd."""
        ids = Ids(host.address)
        token = self._token(context, host)
        behind = (token.id, *context.begun, *after)
        if not host.is_control_plane:
            return (token, self._start(context, host, ids.join, behind))
        start = self._start(context, host, ids.member, behind)
        return (token, start, kubectl_for_root(host, (start.id,)), self._settled(context, host, start.id))

    def _token(self, context: Context, host: Host) -> Step:
        name = self.flavour.token(host).name
        phase = Phase.CONTROL_PLANE if host.is_control_plane else Phase.WORKERS
        return Write(
            id=ident(phase, host.address, "token-file"),
            host=host.address,
            phase=phase,
            reason="a token lets this host in",
            after=(
                ident(Phase.CONTROL_PLANE, context.primary.address, name),
                Ids(host.address).prepare,
            ),
            always_run=True,
            only_if_needed=True,
            path=self.flavour.layout.token,
            content=f"@@{name}@@\n",
            mode=0o600,
            secret=True,
            slots=(name,),
        )

    def _settled(self, context: Context, host: Host, behind: str) -> Step:
        return Await(
            id=Ids(host.address).settled,
            host=host.address,
            phase=Phase.CONTROL_PLANE,
            reason="the next control plane joins once etcd has a majority to spare",
            after=(behind,),
            script=templates.script(*self.flavour.settled, member=node_name(context.of(host))),
            subject="every member of etcd to be a voter",
            deadline=_SETTLES,
        )

    def network(self, context: Context) -> tuple[Step, ...]:
        """Its own network and DNS, unless the bundle has a plug-in."""
        return network_steps(context, own_names=False)

    def leave(
        self, context: Context, host: Host, how: Departure, *, after: tuple[str, ...] = ()
    ) -> tuple[Step, ...]:
        """Nothing leads there any more, the member goes while etcd has its majority, then node and host."""
        name = how.node or node_name(context.of(host))
        row = Row(context.primary.address, host.address, after)
        if host.is_control_plane:
            row.primary(
                "snapshot",
                "etcd's members are about to change",
                *self.flavour.snapshot,
                name="leave",
                timeout=600.0,
            )
        if not how.gone:
            row.primary(
                "drain",
                f"what runs on {name} moves to other nodes",
                "kubectl.sh",
                "drain.sh",
                timeout=DRAIN_LIMIT + 60.0,
                node=name,
                limit=str(DRAIN_LIMIT),
                delete=how.delete,
            )
            row.primary(
                "empty", f"Services no longer route to {name}", "kubectl.sh", "node-empty.sh", node=name
            )
        if host.is_control_plane:
            row.primary(
                "member",
                f"etcd goes on without {name}",
                *self.flavour.departed,
                timeout=180.0,
                node=name,
                address=host.address,
            )
        if not how.gone:
            row.own(
                "program-stop",
                "a node that runs would enter itself again",
                "distribution-stop.sh",
                unit=self.flavour.unit(host),
            )
        row.primary("node", f"{name} is removed from the cluster", "kubectl.sh", "node-delete.sh", node=name)
        addresses = (*(each.address for each in context.site.hosts), host.address)
        removal = () if how.gone else host_removal(host, addresses, after=(row.last,))
        return (*row.made, *removal)

    def keep(self, host: str, version: str) -> Step:
        """See `Runtime`."""
        return upgrade.keep(self.flavour, host, version)

    def snapshot(self, context: Context, version: str) -> tuple[Step, ...]:
        """See `Runtime`."""
        return upgrade.snapshot(self.flavour, context, version)

    def upgrade_control_plane(
        self, context: Context, host: Host, version: str, *, after: tuple[str, ...] = ()
    ) -> tuple[Step, ...]:
        """See `Runtime`."""
        return upgrade.upgrade_control_plane(self.flavour, context, host, version, after=after)

    def upgrade_node(
        self, context: Context, host: Host, version: str, *, after: tuple[str, ...] = (), delete: str = ""
    ) -> tuple[Step, ...]:
        """See `Runtime`."""
        return upgrade.upgrade_node(self.flavour, context, host, version, after=after, delete=delete)


def _write(host: Host, file: File) -> Write:
    return Write(
        id=ident(Phase.RUNTIME, host.address, file.name),
        host=host.address,
        phase=Phase.RUNTIME,
        reason="the program reads how this node is to be",
        after=(Ids(host.address).prepare,),
        path=file.path,
        content=file.content,
        mode=0o600 if file.secret else 0o644,
        secret=file.secret,
    )


def _beside(contents: Contents, host: Host) -> tuple[Member, ...]:
    """Other programs of the bundle: all on a control plane, the balancer on workers."""
    if host.is_control_plane:
        return contents.below(f"{TREE}/bin")
    found = contents.program(BALANCER)
    return (found,) if found else ()


def _base(member: Member) -> str:
    return member.path.rsplit("/", 1)[-1]
