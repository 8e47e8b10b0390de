"""Name resolution and proxies."""

import ipaddress
from typing import Final

from bundler.installer.checks.areas.build import ERROR, NOTE, WARNING, above, always, most
from bundler.installer.checks.look import each
from bundler.installer.checks.model import Area, Check, Seen, listed
from bundler.installer.checks.probe import UnmeasuredError

_SEARCH: Final = 6


def _servers(seen: Seen) -> list[str]:
    return [value for word, value in seen.probe.resolver if word == "nameserver"]


def _none(seen: Seen) -> str:
    return "" if _servers(seen) else "no nameserver"


def _loopback(seen: Seen) -> str:
    servers = _servers(seen)
    upstream = any(word == "upstream" for word, _ in seen.probe.resolver)
    return listed(servers) if servers and not upstream and all(map(_is_loopback, servers)) else ""


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _many(seen: Seen) -> str:
    count = len(_servers(seen))
    return above(count, seen.limits.name_servers, f"{count}")


def _search(seen: Seen) -> str:
    domains = [name for word, value in seen.probe.resolver if word == "search" for name in value.split()]
    return above(len(domains), _SEARCH, f"{len(domains)}")


def _wildcard(seen: Seen) -> str:
    found = seen.probe.says("wildcard").split()
    return f"answers {found[0]} for any name" if found else ""


def _slow(seen: Seen) -> str:
    seconds = seen.probe.number("dns-ns") / 1e9
    return above(seconds, seen.limits.dns_seconds * 2, f"{seconds / 2:.1f} s")  # two names are asked for


def _own(seen: Seen) -> str:
    found = seen.probe.says("own-name").split()
    if not found:
        return "not known"
    outside = not _is_loopback(found[0]) and found[0] not in seen.facts.addresses and ":" not in found[0]
    return f"leads to {found[0]}, which is another host" if outside else ""


def _proxy(seen: Seen) -> str:
    set_names = seen.probe.says("proxies").lower().split()
    if not set_names:
        return ""
    exempt = seen.probe.says("no-proxy").split(",")
    missing = [host.address for host in seen.scene.site.hosts if not _is_exempt(host.address, exempt)]
    return f"{', '.join(set_names)} is set, no_proxy lacks {listed(missing)}" if missing else ""


def _is_exempt(address: str, exempt: list[str]) -> bool:
    for entry in map(str.strip, exempt):
        if entry in {address, "*"}:
            return True
        try:
            if ipaddress.ip_address(address) in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


def _static(seen: Seen) -> str:
    written = seen.probe.says("static-name").strip().lower()
    if not written:
        raise UnmeasuredError("there is no /etc/hostname")
    now = seen.facts.hostname.strip().lower()
    return f"{now} now, {written} after a reboot" if written != now else ""


_A: Final = Area.NAMES

CHECKS: Final = (
    Check(
        "dns-none",
        _A,
        WARNING,
        "a name server is configured",
        "the cluster's DNS has no upstream server",
        "name one in /etc/resolv.conf, or spec.dns in the Clusterfile",
        each(_none),
        always("at least one"),
    ),
    Check(
        "dns-loopback",
        _A,
        WARNING,
        "the name server is not the host itself",
        "the cluster's DNS would ask itself in a circle",
        "name servers in spec.dns of the Clusterfile",
        each(_loopback),
        always("another host"),
    ),
    Check(
        "dns-many",
        _A,
        WARNING,
        "the resolver uses all its servers",
        "pods and programs use the first three alone",
        "leave three in /etc/resolv.conf",
        each(_many),
        most("name_servers"),
    ),
    Check(
        "dns-search",
        _A,
        NOTE,
        "few search domains",
        "each name in a pod is asked for once for every domain",
        "shorten `search` in /etc/resolv.conf",
        each(_search),
        always("at most 6"),
    ),
    Check(
        "dns-wildcard",
        _A,
        WARNING,
        "unregistered names don't resolve",
        "names of Services lead outside of the cluster",
        "take the wildcard's domain out of `search` in /etc/resolv.conf",
        each(_wildcard),
        always("not found"),
    ),
    Check(
        "dns-slow",
        _A,
        WARNING,
        "names are found fast",
        "logins and pulls wait for it",
        "look whether each server in /etc/resolv.conf answers",
        each(_slow),
        most("dns_seconds"),
    ),
    Check(
        "own-name",
        _A,
        WARNING,
        "the host finds itself by its name",
        "programs that ask for their own address fail",
        "put its address and name into /etc/hosts",
        each(_own),
        always("its own address"),
    ),
    Check(
        "static-name",
        _A,
        ERROR,
        "the name stays after a reboot",
        "the node comes back as a stranger",
        "hostnamectl set-hostname NAME",
        each(_static),
        always("the same"),
    ),
    Check(
        "proxy",
        _A,
        WARNING,
        "proxies are not asked for the site's own hosts",
        "hosts reach the API and the registry through a proxy, or not at all",
        "add the hosts and the pods' and services' subnets to no_proxy",
        each(_proxy),
        always("no_proxy has all hosts"),
    ),
)
