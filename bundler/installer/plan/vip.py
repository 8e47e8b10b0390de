"""`endpoint: vip`: an address that the control planes move between them, by keepalived out of the bundle.

VRRP in unicast: peers are named one by one, so routers of other sites in the same network neither hear nor
disturb them, whatever their numbers. A control plane whose API server takes no connections gives the address
away. As the balancer, keepalived runs as a unit of ours; the package's own stays disabled.
"""

import hashlib
import ipaddress
import zlib
from typing import Final

from bundler.installer.facts.model import HostFacts
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, content_digest
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.packages import packages_of
from bundler.installer.plan.steps import Exec, Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, VirtualEndpoint

KEEPALIVED: Final = "keepalived"


def vip_steps(context: Context) -> tuple[Step, ...]:
    """For every control plane; none where the endpoint is something else."""
    match context.site.endpoint:
        case VirtualEndpoint(address):
            hosts = context.site.control_planes
            return (
                _free(context, address),
                *(step for host in hosts for step in _one(context, host, address)),
            )
        case _:
            return ()


def vip_free(context: Context) -> tuple[str, ...]:
    """The step that finds out whether the address is free; every host's first one comes after it."""
    virtual = isinstance(context.site.endpoint, VirtualEndpoint)
    return (ident(Phase.PREFLIGHT, context.primary.address, "vip"),) if virtual else ()


def vip_program(context: Context, facts: HostFacts) -> str:
    """The bundle's keepalived for a host: a program in `bin/`, else an OS package; "" where it has none."""
    if context.contents.on(facts.address).program(KEEPALIVED) is not None:
        return f"{paths.PROGRAMS}/{KEEPALIVED}"
    packaged = any(package.name == KEEPALIVED for package in packages_of(context, facts))
    return f"/usr/sbin/{KEEPALIVED}" if packaged else ""


def vip_device(facts: HostFacts, address: str) -> str:
    """The interface in whose network the address lies; "" where there is none."""
    wanted = ipaddress.ip_address(address)
    for network in facts.networks:
        device, _, own = network.partition(" ")
        if wanted in ipaddress.ip_interface(own).network:
            return device
    return ""


def _free(context: Context, address: str) -> Step:
    host = context.primary
    return Exec(
        id=vip_free(context)[0],
        host=host.address,
        phase=Phase.PREFLIGHT,
        reason=f"no other machine may have the address {address}",
        script=templates.script(
            "vip-free.sh",
            address=address,
            device=vip_device(context.of(host), address),
            hosts=" ".join(each.address for each in context.site.control_planes),
        ),
    )


def _one(context: Context, host: Host, address: str) -> tuple[Step, ...]:
    ids, facts = Ids(host.address), context.of(host)
    program = vip_program(context, facts)
    config = templates.render(
        "vip.conf.j2",
        address=address,
        device=vip_device(facts, address),
        own=host.address,
        peers=tuple(each.address for each in context.site.control_planes if each != host),
        priority=str(200 - context.site.control_planes.index(host)),
        router=str(zlib.crc32(f"{context.site.name} {address}".encode()) % 255 + 1),
        password=_password(context),
        check=paths.VIP_CHECK,
    )
    unit = templates.render("vip.service.j2", program=program, config=paths.VIP_CONFIG)
    check = templates.load("vip-check.sh")
    files = (
        ("vip-config", paths.VIP_CONFIG, config, 0o600, True),
        ("vip-check", paths.VIP_CHECK, check, 0o700, False),
        ("vip-unit", f"{paths.UNITS}/{paths.VIP_UNIT}", unit, 0o644, False),
    )
    writes = tuple(
        Write(
            id=ident(Phase.CONTROL_PLANE, host.address, what),
            host=host.address,
            phase=Phase.CONTROL_PLANE,
            reason=f"the control planes move {address} between them",
            after=(ids.prepare,),
            path=path,
            content=content,
            mode=mode,
            secret=secret,
        )
        for what, path, content, mode, secret in files
    )
    start = Exec(
        id=ident(Phase.CONTROL_PLANE, host.address, "vip-start"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason=f"{address} leads to a control plane whose API server is up",
        after=(
            *(step.id for step in writes),
            ids.packages if program.startswith("/usr/sbin/") else ids.programs,
        ),
        script=templates.script(
            "vip-start.sh", unit=paths.VIP_UNIT, inputs=content_digest(config + check + unit)
        ),
    )
    return (*writes, start)


def _password(context: Context) -> str:
    """Eight characters, which is all that VRRP takes; the same on all control planes and in later runs."""
    return hashlib.sha256(f"vrrp {context.secrets.ca_key}".encode()).hexdigest()[:8]
