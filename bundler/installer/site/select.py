"""Which hosts of a site are meant: by role, by address or range. Pure."""

from ipaddress import ip_address

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.yamldoc import suggest
from bundler.installer.site.model import Host, Role, Site

_ROLES = {"control-plane": Role.CONTROL_PLANE, "master": Role.CONTROL_PLANE, "node": Role.WORKER}


def selected(site: Site, words: tuple[str, ...]) -> tuple[Host, ...]:
    """The hosts that any of the words means, in the site's order; all of them where there is no word.

    A word is a role, an address of the Clusterfile or a range `10.0.0.2-10.0.0.9`.
    Raises BundlerError (USAGE) for a word that means no host.
    """
    if not words:
        return site.hosts
    chosen = {host.address for word in words for host in _meant(site, word)}
    return tuple(host for host in site.hosts if host.address in chosen)


def _meant(site: Site, word: str) -> tuple[Host, ...]:
    if word in {*_ROLES, *Role}:
        role = _ROLES.get(word) or Role(word)
        found = tuple(host for host in site.hosts if role in host.roles)
    elif "-" in word and (ends := _ends(word)) is not None:
        found = tuple(host for host in site.hosts if _inside(host.address, ends))
    else:
        found = tuple(host for host in site.hosts if host.address == word)
    if not found:
        known = [*dict.fromkeys(role.value for host in site.hosts for role in sorted(host.roles))]
        raise BundlerError(
            f"no host of {site.name} matches {word!r}",
            code=ExitCode.USAGE,
            fix=suggest(word, [*known, *(host.address for host in site.hosts)][:12]),
        )
    return found


def _ends(word: str) -> tuple[int, int] | None:
    first, _, last = word.partition("-")
    try:
        return int(ip_address(first)), int(ip_address(last))
    except ValueError:
        return None


def _inside(address: str, ends: tuple[int, int]) -> bool:
    try:
        return ends[0] <= int(ip_address(address)) <= ends[1]
    except ValueError:
        return False
