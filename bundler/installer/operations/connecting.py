"""Connections to the hosts of a site, each by itself: one that is silent is known to be silent, no more."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.seen import Doubt, Unknown
from bundler.installer.site.model import Host, Site
from bundler.installer.transport.connect import Access, connect_all
from bundler.installer.transport.protocol import Transport


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

    Raises BundlerError for what is wrong on this machine: a password file that is not there.
    """
    opened: dict[str, Transport] = {}
    errors: dict[str, BundlerError] = {}

    def one(host: Host) -> None:
        try:
            opened.update(connect_all(replace(site, hosts=(host,)), access, parallel=1))
        except BundlerError as error:
            errors[host.address] = error

    try:
        with ThreadPoolExecutor(max(1, min(parallel, len(hosts) or 1)), "connect") as pool:
            list(pool.map(one, hosts))
        for error in errors.values():
            if error.code not in {ExitCode.HOST, ExitCode.TRUST, ExitCode.STEP}:
                raise error
    except BaseException:
        for transport in opened.values():
            transport.close()
        raise
    return Connected({host.address: opened[host.address] for host in hosts if host.address in opened}, errors)


def doubt(error: BundlerError) -> Unknown:
    """Why a host could not be asked: a changed key proves nothing about who answers."""
    kind = Doubt.HOST_KEY if error.code is ExitCode.TRUST else Doubt.NO_ANSWER
    text = " ".join(filter(None, (error.what, error.why.strip().split("\n")[0])))
    return Unknown(text, kind)
