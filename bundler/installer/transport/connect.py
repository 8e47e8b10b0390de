"""From a site to open transports: this machine by child processes, every other host by ssh."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.site.model import Host, PasswordEnv, PasswordFile, PasswordSource, Secret, Site
from bundler.installer.site.ranges import hosts
from bundler.installer.transport.local import LocalTransport, may_be_root, own_addresses
from bundler.installer.transport.parallel import together, try_each
from bundler.installer.transport.protocol import Transport

_DIALLING: Final = 128  # hosts that are called at once: a silent one only costs time


@dataclass(frozen=True, slots=True)
class Access:
    """What the caller's account brings along.

    environment: variables that `passwordEnv` may name. password: what the user typed, for every host that has
    no other. accept_new: whether host keys that nobody knows yet are taken and remembered. tell: is told what
    a person should know of a host. max_failed: so many workers may be out of reach.
    """

    home: Path
    environment: Mapping[str, str]
    password: Secret | None = None
    accept_new: bool = False
    tell: Callable[[str], None] = lambda _text: None
    max_failed: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """Transports by address, in the site's order; lost: workers that can't be reached, with the reason."""

    transports: dict[str, Transport]
    lost: dict[str, BundlerError]


def connect_all(site: Site, access: Access, *, parallel: int) -> Connected:
    """A transport for every host, logged in.

    Raises BundlerError that names every host that could not be reached; the others are closed again.
    """
    found = reach_all(site, access, parallel=parallel)
    try:
        check_lost(site, found.lost, access.max_failed)
    except BaseException:
        for transport in found.transports.values():
            transport.close()
        raise
    return found


def reach_all(site: Site, access: Access, *, parallel: int) -> Connected:
    """A transport for every host that can be reached, in the site's order; why the others can't."""
    open_host = dialler(site, access)
    opened: dict[str, Transport] = {}

    def opener(host: Host) -> Callable[[], None]:
        def connect() -> None:
            opened[host.address] = open_host(host)

        return connect

    def progress(done: int, failed: int, total: int) -> None:
        bad = f", {failed:,} failed" if failed else ""
        access.tell(f"connected to {done:,} of {hosts(total)}{bad}")

    try:
        work = {host.address: opener(host) for host in site.hosts}
        lost = try_each(work, max(parallel, _DIALLING), progress).failed
    except BaseException:
        for transport in tuple(opened.values()):
            transport.close()
        raise
    order = (host.address for host in site.hosts if host.address not in lost)
    return Connected({address: opened[address] for address in order}, lost)


def dialler(site: Site, access: Access) -> Callable[[Host], Transport]:
    """What opens a transport to one of these hosts, or to another one.

    Raises BundlerError (NOT_FOUND) for a password that is not where the Clusterfile says.
    """
    here = own_addresses()
    passwords = {host.address: password_of(host, access) for host in site.hosts}
    away = any(host.address not in here or host.login.jump for host in site.hosts)
    open_ssh = _ssh_opener(access) if away else None

    def dial(host: Host) -> Transport:
        # Behind a bastion, an address like ours is another machine's.
        if host.address in here and host.login.jump is None and may_be_root():
            return LocalTransport(host.address)
        known = host.address in passwords  # a host that only the record names is not of the Clusterfile
        password = passwords[host.address] if known else password_of(host, access)
        return (open_ssh or _ssh_opener(access))(host, password)

    return dial


def check_lost(site: Site, lost: Mapping[str, BundlerError], most: int) -> None:
    """Only workers are excused, no more than was said. Raises BundlerError that names all that failed."""
    workers = {host.address for host in site.workers}
    if lost and (len(lost) > most or not lost.keys() <= workers):
        raise together(lost, len(site.hosts))


def password_of(host: Host, access: Access) -> Secret | None:
    """The host's password, wherever it stands. Raises BundlerError (NOT_FOUND) when it isn't there."""
    found = _resolve(host.login.password, access.environment)
    return found or access.password


def _resolve(source: PasswordSource | None, environment: Mapping[str, str]) -> Secret | None:
    match source:
        case None | Secret():
            return source
        case PasswordEnv(variable):
            if not environment.get(variable):
                raise _no_password(f"${variable}", "the variable is not set")
            return Secret(environment[variable])
        case PasswordFile(path):
            try:
                with Path(path).expanduser().open(encoding="utf-8") as stream:
                    line = stream.readline(4096).rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise _no_password(path, getattr(error, "strerror", None) or str(error)) from None
            if not line:
                raise _no_password(path, "its first line is empty")
            return Secret(line)


def _no_password(where: str, why: str) -> BundlerError:
    fix = "the Clusterfile's passwordFile or passwordEnv names it; or leave it out and use --ask-password"
    return BundlerError(
        "the ssh password is not there", where=where, why=why, code=ExitCode.NOT_FOUND, fix=fix
    )


def _ssh_opener(access: Access) -> Callable[[Host, Secret | None], Transport]:
    """paramiko is loaded only when a host is not this machine."""
    from bundler.installer.transport.hostkeys import KnownHosts  # noqa: PLC0415  (see the docstring)
    from bundler.installer.transport.jump import Jumps  # noqa: PLC0415
    from bundler.installer.transport.login import Credentials, Trust  # noqa: PLC0415
    from bundler.installer.transport.ssh import open_ssh  # noqa: PLC0415

    trust = Trust(KnownHosts.of_user(access.home), access.accept_new)
    jumps = Jumps(access.home, trust, lambda bastion: password_of(bastion, access))

    def connect(host: Host, password: Secret | None) -> Transport:
        credentials = Credentials.of(host, password, access.home)
        return open_ssh(host, replace(credentials, dial=jumps.dial_for(host)), trust, access.tell)

    return connect
