"""What another way to the API has left behind: a balancer or a virtual address that is used no more.

It goes last: first every worker's name of the API leads the new way.
"""

from collections.abc import Iterator

from bundler.installer.plan import paths
from bundler.installer.plan.context import Context
from bundler.installer.plan.endpoint import balanced
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, VirtualEndpoint


def left_steps(context: Context) -> tuple[Step, ...]:
    """None where no host has a unit that it should not have."""
    return tuple(step for host in context.site.hosts for step in _of_host(context, host))


def _of_host(context: Context, host: Host) -> Iterator[Step]:
    seen = context.of(host).site
    units = seen.units if seen else {}
    virtual = isinstance(context.site.endpoint, VirtualEndpoint) and host.is_control_plane
    if paths.ENDPOINT_UNIT in units and not balanced(context, host):
        yield _gone(host, paths.ENDPOINT_UNIT, (Ids(host.address).endpoint,))
    if paths.VIP_UNIT in units and not virtual:
        yield _gone(host, paths.VIP_UNIT, tuple(Ids(each.address).endpoint for each in context.site.hosts))


def _gone(host: Host, unit: str, after: tuple[str, ...]) -> Step:
    return Exec(
        id=ident(Phase.HOST, host.address, f"without-{unit.removesuffix('.service')}"),
        host=host.address,
        phase=Phase.HOST,
        reason="the API is reached another way",
        after=after,
        script=templates.script("unit-gone.sh", unit=unit, file=f"{paths.UNITS}/{unit}"),
    )
