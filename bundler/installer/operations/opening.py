"""From a .run and a Clusterfile to a session: the file trusted, the hosts connected to and known."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bundler.core.archive.bases import opened as open_bundle
from bundler.core.archive.platforms import choose
from bundler.core.archive.reader import Bundle
from bundler.installer.facts.gather import gather, heard, newest
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Unknown
from bundler.installer.operations.connecting import connect, excused
from bundler.installer.operations.session import Session
from bundler.installer.operations.session_state import SessionState
from bundler.installer.plan.cluster.operation import Operation
from bundler.installer.plan.decide import (
    NO_OPERATION,
)
from bundler.installer.run.actions import Captures
from bundler.installer.run.execute import close_all
from bundler.installer.run.hostlock import Claim, held
from bundler.installer.run.site_base import SiteBase
from bundler.installer.site.clusterfile.read import read_file
from bundler.installer.site.model import Host, Role, Site
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.connect import Access
from bundler.installer.transport.parallel import together
from bundler.installer.transport.protocol import Transport
from bundler.installer.trust.gate import Gate, WholeCheck


@contextlib.contextmanager
def opened(  # noqa: PLR0913  (as many as a command has options)
    run_file: Path,
    clusterfile: Path,
    access: Access,
    gate: Gate,
    *,
    parallel: int,
    tell: Callable[[str], None],
    bases: Iterable[Path] = (),
    alone: bool = False,
    operation: Operation | None = None,
) -> Iterator[Session]:
    """Open the .run if it may be trusted, read the Clusterfile, connect to every host and ask for its facts.

    bases: what the .run may rest on; else a .run beside it is looked for, else the site has to have it.
    alone: hold the hosts against other runs meanwhile; whoever changes something must.
    Workers that `access` excuses are left out of the site; the session tells which.
    Raises BundlerError: what is wrong with the file, the Clusterfile or the hosts.
    """
    claim = Claim.ours()
    with open_bundle(run_file, bases) as bundle, WholeCheck(bundle) as whole:
        verdict = gate.admit(bundle, tell)
        site = read_file(clusterfile)
        for notice in site.notices:
            tell(f"note: {notice}")
        tell(f"connecting to {hosts(len(site.hosts))} of {site.name}")
        connected = connect(site, site.hosts, access, parallel=parallel)
        transports = connected.transports
        try:
            if not any(host.address in transports for host in site.control_planes):
                raise together(connected.errors, len(site.hosts))
            first = next(host.address for host in site.control_planes if host.address in transports)
            with contextlib.ExitStack() as held_hosts:

                def hold(more: Mapping[str, Transport], head: str) -> None:
                    if alone and more:
                        held_hosts.enter_context(held(more, head, claim, parallel=parallel, tell=tell))

                # What a run before this one has left unfinished ends first: facts hold its journal.
                hold(transports, first)
                planes = {host.address for host in site.control_planes}
                asked = gather(transports, parallel=parallel, keepers=planes)
                facts = replace(asked, silent=connected.silent)
                lost = excused(site, facts, bundle.index, connected.errors, access, operation)
                for error in lost.values():
                    tell(f"warning: left out: {error}")
                others = beyond(site, heard(facts, planes))
                if others:
                    found = connect(site, others, access, parallel=parallel)
                    hold(found.transports, next(iter(found.transports), ""))
                    masters = {host.address for host in others if Role.CONTROL_PLANE in host.roles}
                    more = heard(gather(found.transports, parallel=parallel), masters)
                    facts = _with(facts, more, found.silent)
                    transports.update(found.transports)
                base = site_base(bundle, transports[first])
                of = fitting(bundle, facts.hosts[first].architecture)
                hearing = Captures()
                yield Session(
                    site, of, access, transports, hearing, verdict, gate.allowed, whole, claim,
                    SessionState(facts, operation or NO_OPERATION, lost),
                    base,
                    others={host.address: host for host in others},
                    parallel=parallel,
                    file=str(clusterfile),
                )  # fmt: skip
        finally:
            close_all(transports)


def beyond(site: Site, facts: Facts) -> tuple[Host, ...]:
    """Hosts that the record has and the Clusterfile does not, with the login of its first control plane.

    A machine that answers at another address is not looked for at its old one.
    """
    record = newest(facts)
    if record is None:
        return ()
    known = {host.address for host in site.hosts}
    here = {host.site.machine_id for host in facts.hosts.values() if host.site and host.site.machine_id}
    login = site.control_plane.login
    return tuple(
        Host(host.address, frozenset({host.role}), replace(login, fingerprint=""))
        for host in record.hosts
        if host.address not in known and not host.gone and host.machine_id not in here
    )


def _with(facts: Facts, more: Facts, silent: Mapping[str, Unknown]) -> Facts:
    return replace(facts, hosts={**facts.hosts, **more.hosts}, silent={**facts.silent, **silent})


def site_base(bundle: Bundle, control_plane: Transport) -> SiteBase | None:
    """The site itself, where the .run has only what changed and no other .run was found that has the rest."""
    if (needed := bundle.needs) is None:
        return None
    base = SiteBase(control_plane, needed)
    bundle.rest_on(base)
    return base


def fitting(bundle: Bundle, architecture: str) -> Bundle:
    """What of the file is for the hosts, not for this machine; preflight tells where nothing of it is."""
    platform = choose(bundle.platforms, architecture)
    return bundle if platform is None else bundle.of(platform)
