"""How a host finds the API: one name from the first install on, and what it leads to here.

The name stands in every certificate and kubeconfig, so a cluster grows without any of them being replaced. On
a control plane it leads to the host's own server. On a worker it leads to a balancer on its loopback
(`endpoint: local`), to the control planes' virtual address, or to the site's own balancer. The balancer is a
systemd unit with HAProxy out of the bundle: it works before the first image is there. See ADR 0020.
"""

from dataclasses import dataclass
from typing import Final

from bundler.core.addresses import in_url
from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest, node_name, spread
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.packages import packages_of
from bundler.installer.plan.steps import Await, Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import API_NAME, ExternalEndpoint, Host, LocalEndpoint, VirtualEndpoint

# Every node finds the API under this name, by /etc/hosts.
ENDPOINT: Final = API_NAME
API_PORT: Final = 6443
LOOPBACK: Final = "127.0.0.1"
BALANCER: Final = "haproxy"


@dataclass(frozen=True, slots=True)
class Balancer:
    """HAProxy on a host. packaged: it comes as an OS package."""

    program: str
    packaged: bool


def endpoint_steps(context: Context) -> tuple[Step, ...]:
    """For every host; a worker's end in its `Ids.endpoint`, which its join comes after."""
    return tuple(step for host in context.site.hosts for step in endpoint_of(context, host))


def endpoint_of(context: Context, host: Host) -> tuple[Step, ...]:
    """For one host: all that changes on it when control planes come or go."""
    ids = Ids(host.address)
    if host.is_control_plane:
        # One that joins asks the primary until it is a member itself (join-control-plane.sh).
        behind = ids.prepare if host == context.primary else ids.member
        return (_name(host, host.address, (behind,)),)
    match context.site.endpoint:
        case VirtualEndpoint(address) | ExternalEndpoint(address):
            answers = _answers(context, host, address)
            return (answers, _name(host, address, (answers.id,)))
        case LocalEndpoint():
            balancer = balancer_of(context, context.of(host))
    if balancer is None:  # preflight has seen that there is only one control plane
        return (_name(host, context.primary.address, (ids.prepare,)),)
    started = _balancer_steps(context, host, balancer)
    return (*started, _name(host, LOOPBACK, (started[-1].id,)))


def balancer_of(context: Context, facts: HostFacts) -> Balancer | None:
    """The bundle's HAProxy for a host: a program in `bin/`, else an OS package of the host's suite."""
    if context.contents.on(facts.address).program(BALANCER) is not None:
        return Balancer(f"{paths.PROGRAMS}/{BALANCER}", packaged=False)
    if any(package.name == BALANCER for package in packages_of(context, facts)):
        return Balancer(f"/usr/sbin/{BALANCER}", packaged=True)
    return None


def balanced(context: Context, host: Host) -> bool:
    """Whether this host runs a balancer."""
    local = isinstance(context.site.endpoint, LocalEndpoint)
    return local and not host.is_control_plane and balancer_of(context, context.of(host)) is not None


def shared_address(context: Context) -> str:
    """The address that all control planes are reached by, "" where there is none; certificates name it."""
    match context.site.endpoint:
        case VirtualEndpoint(address) | ExternalEndpoint(address):
            return address
        case LocalEndpoint():
            return ""


def _answers(context: Context, host: Host, address: str) -> Step:
    """Whether this host reaches the API there; hosts that can't be asked are not."""
    started = (ident(Phase.CONTROL_PLANE, each.address, "vip-start") for each in context.site.control_planes)
    virtual = isinstance(context.site.endpoint, VirtualEndpoint)
    return Await(
        id=ident(Phase.HOST, host.address, "endpoint-answers"),
        host=host.address,
        phase=Phase.HOST,
        reason=f"this host is to reach the API at {address}",
        after=(Ids(host.address).prepare, *context.begun, *(started if virtual else ())),
        script=templates.script("reachable.sh", address=address, port=str(API_PORT)),
        subject=f"the API to answer at {address}, port {API_PORT}",
        deadline=60.0,
    )


def _name(host: Host, address: str, after: tuple[str, ...]) -> Step:
    return Exec(
        id=Ids(host.address).endpoint,
        host=host.address,
        phase=Phase.HOST,
        reason=f"the API's name leads to {address} here",
        after=after,
        script=templates.script("endpoint-name.sh"),
        stdin=f"{address} {ENDPOINT}\n",
    )


def _balancer_steps(context: Context, host: Host, balancer: Balancer) -> tuple[Step, ...]:
    ids = Ids(host.address)
    config, unit = (
        _config(context, host),
        templates.render("endpoint.service.j2", program=balancer.program, config=paths.ENDPOINT_CONFIG),
    )
    ca = Write(
        id=ident(Phase.HOST, host.address, "endpoint-ca"),
        host=host.address,
        phase=Phase.HOST,
        reason="the balancer asks servers for their health only if they are this cluster's",
        after=(ids.prepare, Ids(context.primary.address).ca_file),
        path=paths.CLUSTER_CA,
        content="@@ca-file@@\n",
        slots=("ca-file",),
    )
    writes = (
        _write(host, "endpoint-config", paths.ENDPOINT_CONFIG, config),
        _write(host, "endpoint-unit", f"{paths.UNITS}/{paths.ENDPOINT_UNIT}", unit),
    )
    start = Exec(
        id=ids.balancer,
        host=host.address,
        phase=Phase.HOST,
        reason="this node reaches the API through any control plane that is ready",
        after=(*(step.id for step in writes), ca.id, ids.packages if balancer.packaged else ids.programs),
        script=templates.script(
            "endpoint-start.sh",
            unit=paths.ENDPOINT_UNIT,
            inputs=content_digest(config),
            unit_inputs=content_digest(unit),
        ),
    )
    return (ca, *writes, start)


def _write(host: Host, what: str, path: str, content: str) -> Step:
    return Write(
        id=ident(Phase.HOST, host.address, what),
        host=host.address,
        phase=Phase.HOST,
        reason="a balancer on this node leads to every control plane",
        after=(Ids(host.address).prepare,),
        path=path,
        content=content,
    )


def _config(context: Context, host: Host) -> str:
    names = {each.address: node_name(context.of(each)) for each in context.site.control_planes}
    servers = tuple(
        (names[address], f"{in_url(address)}:{API_PORT}") for address in spread(tuple(names), host.address)
    )
    return templates.render(
        "endpoint.cfg.j2",
        bind=f"{LOOPBACK}:{API_PORT}",
        endpoint=ENDPOINT,
        ca=paths.CLUSTER_CA,
        servers=servers,
    )
