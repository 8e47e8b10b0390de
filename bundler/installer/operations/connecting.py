"""Connections to the hosts of a site, each by itself: one that is silent is known to be silent, no more."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import Index
from bundler.installer.facts.gather import newest
from bundler.installer.facts.model import Facts
from bundler.installer.facts.seen import Doubt, Unknown
from bundler.installer.plan.cluster.decide import refuse
from bundler.installer.plan.cluster.operation import Operation
from bundler.installer.plan.decide import rough_view
from bundler.installer.site.model import Host, Site
from bundler.installer.transport.connect import Access, check_lost, reach_all
from bundler.installer.transport.parallel import together
from bundler.installer.transport.protocol import Transport

_SILENCE: Final = frozenset({"BND-HOST-SILENT", "BND-CLUSTER-UNKNOWN"})
_OF_HOSTS: Final = frozenset({ExitCode.HOST, ExitCode.STEP})


@dataclass(frozen=True, slots=True)
class Connected:
    """Transports by address, in the site's order; why the others gave none."""

    transports: dict[str, Transport]
    errors: Mapping[str, BundlerError]

    @property
    def silent(self) -> dict[str, Unknown]:
        """Hosts that could not be asked, as observations."""
        return {address: doubt(error) for address, error in self.errors.items()}


def connect(site: Site, hosts: tuple[Host, ...], access: Access, *, parallel: int) -> Connected:
    """Log in to these hosts.

    Raises BundlerError for what is wrong on this machine, such as a password file that is not there.
    """
    found = reach_all(replace(site, hosts=hosts), access, parallel=parallel)
    for error in found.lost.values():
        if error.code not in _OF_HOSTS:
            for transport in found.transports.values():
                transport.close()
            raise error
    return Connected(found.transports, found.lost)


def doubt(error: BundlerError) -> Unknown:
    """Why a host could not be asked: a changed key proves nothing about who answers."""
    kind = Doubt.HOST_KEY if error.code is ExitCode.TRUST else Doubt.NO_ANSWER
    text = ": ".join(filter(None, (error.what, error.why.strip().split("\n")[0])))
    return Unknown(text, kind)


def excused(
    site: Site,
    facts: Facts,
    index: Index,
    errors: Mapping[str, BundlerError],
    access: Access,
    operation: Operation | None,
) -> Mapping[str, BundlerError]:
    """Hosts that do not answer and may be left out.

    Of a site that nobody knows yet, the connections' own errors say more than a refusal would: they are
    raised. So they are for commands that only look (operation: None).
    """
    if not errors:
        return {}
    if operation is None:
        check_lost(site, errors, access.max_failed)
        return errors
    view = rough_view(site, facts, index, operation)
    refused = refuse(view)
    rules = {each.rule for each in refused.refusals} if refused else set()
    if rules and rules <= _SILENCE and newest(facts) is None:
        raise together(errors, len(site.hosts))
    return {address: error for address, error in errors.items() if address in view.excused}
