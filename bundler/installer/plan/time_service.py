"""The hosts' clocks: the site's own time servers for the service that a host has."""

from bundler.installer.facts.model import HostFacts
from bundler.installer.plan.context import Context
from bundler.installer.plan.ids import Ids, ident
from bundler.installer.plan.packages import packages_of
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host


def time_steps(context: Context) -> tuple[Step, ...]:
    """On every host, if the Clusterfile names time servers."""
    if not context.site.ntp:
        return ()
    return tuple(_one(context, host, facts) for host, facts in context.hosts())


def _one(context: Context, host: Host, facts: HostFacts) -> Step:
    ids = Ids(host.address)
    packaged = any(package.requested for package in packages_of(context, facts))
    return Exec(
        id=ident(Phase.HOST, host.address, "time"),
        host=host.address,
        phase=Phase.HOST,
        reason="certificates and logs need clocks that agree; the Clusterfile names the time servers",
        after=(ids.packages if packaged else ids.prepare,),  # a bundle may bring the service
        script=templates.script("time.sh", servers=" ".join(context.site.ntp)),
    )


def set_clock(context: Context, host: str, because: str) -> Step:
    """By the Clusterfile's time servers, at once and not by and by."""
    return Exec(
        id=ident(Phase.PREFLIGHT, host, "set-clock"),
        host=host,
        phase=Phase.PREFLIGHT,
        reason=because,
        always_run=True,
        timeout=120.0,
        script=templates.script("time.sh", "time-set.sh", servers=" ".join(context.site.ntp)),
    )
