"""Connections to a site for commands that only look or that a person asks for: no lock, no bundle."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from bundler.core.errors import BundlerError
from bundler.installer.site.model import Host, Site
from bundler.installer.transport.connect import Access, connect_all
from bundler.installer.transport.protocol import Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reached:
    """The hosts that answer, and why the others don't, by address."""

    transports: Mapping[str, Transport]
    silent: Mapping[str, BundlerError]


@contextlib.contextmanager
def reached(site: Site, hosts: tuple[Host, ...], access: Access, *, parallel: int) -> Iterator[Reached]:
    """Connect to the hosts, each by itself: one that is silent does not keep the others from answering."""
    opened: dict[str, Transport] = {}
    silent: dict[str, BundlerError] = {}

    def connect(host: Host) -> None:
        try:
            alone = replace(site, hosts=(host,))
            opened.update(connect_all(alone, access, parallel=1).transports)
        except BundlerError as error:
            silent[host.address] = error

    try:
        with ThreadPoolExecutor(max(1, min(parallel, len(hosts)))) as pool:
            list(pool.map(connect, hosts))
        there = {host.address: opened[host.address] for host in hosts if host.address in opened}
        yield Reached(there, silent)
    finally:
        for transport in tuple(opened.values()):
            transport.close()


def asked(
    transports: Mapping[str, Transport], ask: Callable[[Transport], T], *, parallel: int
) -> dict[str, T | BundlerError]:
    """What every host answers, or why it didn't."""

    def safe(transport: Transport) -> T | BundlerError:
        try:
            return ask(transport)
        except BundlerError as error:
            return error

    if not transports:
        return {}
    with ThreadPoolExecutor(max(1, min(parallel, len(transports)))) as pool:
        answers = pool.map(safe, transports.values())
        return dict(zip(transports, answers, strict=True))
