"""Taking a snapshot: the steps on one control plane, and the unit that takes them by the clock. Pure."""

from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Present
from bundler.installer.plan import paths
from bundler.installer.plan.ids import ident
from bundler.installer.plan.steps import Exec, Phase, Plan
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host, Site

FOLDER: Final = f"{paths.STATE}/snapshot"  # where one is made before it goes elsewhere
SCRIPTS: Final = ("etcd.sh", "etcdutl.sh", "snapshot-save.sh", "etcd-trial.sh", "snapshot-pack.sh")
_TIMEOUT: Final = 1800.0


def take(site: Site, facts: Facts) -> Plan:
    """Save, restore on trial, and pack. Raises BundlerError (DOWN) where no control plane can."""
    host = source(site, facts)
    step = Exec(
        id=ident(Phase.CONTROL_PLANE, host.address, "snapshot"),
        host=host.address,
        phase=Phase.CONTROL_PLANE,
        reason="etcd's data is saved, and restored on trial",
        always_run=True,
        timeout=_TIMEOUT,
        script=templates.script(*SCRIPTS, folder=FOLDER),
    )
    return Plan(f"{site.name}: a snapshot on {host.address}", (step,))


def source(site: Site, facts: Facts) -> Host:
    """The control plane that is asked: the first whose API answers. Raises BundlerError (DOWN)."""
    for host in site.control_planes:
        found = facts.hosts.get(host.address)
        if found is not None and isinstance(found.api, Present):
            return host
    raise BundlerError(
        "no control plane can take a snapshot",
        where=site.name,
        why="the API answers on none",
        code=ExitCode.DOWN,
        fix="start the site first: start",
    )
