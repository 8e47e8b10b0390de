"""The site's network: a bridge in a network namespace that has no other way out.

This host is on the bridge too, by one cable (a veth pair), so that people and tests can reach the machines.
The gateway that the machines know is the bridge itself; it forwards nothing, so a packet for the outside ends
there, where `watch` sees it.
"""

from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site.commands import attempt, run
from tests.site.spec import SiteSpec
from tests.site.undo import Journal, Kind

BRIDGE = "br0"


def make_network(spec: SiteSpec, journal: Journal) -> None:
    """Make namespace, bridge and cable.

    Raises BundlerError (UNSUPPORTED) when this host already has the subnet.
    """
    _refuse_taken(spec)
    netns, link, width = spec.netns, spec.host_link, spec.subnet.prefixlen
    journal.note(Kind.NETNS, netns)
    run("ip", "netns", "add", netns)
    in_namespace(
        netns, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"
    )  # it inherits this host's setting
    ip = ("ip", "-netns", netns)
    run(*ip, "link", "set", "lo", "up")
    run(*ip, "link", "add", BRIDGE, "type", "bridge")
    run(*ip, "address", "add", f"{spec.gateway}/{width}", "dev", BRIDGE)
    run(*ip, "link", "set", BRIDGE, "up")
    journal.note(Kind.LINK, link)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "host", "netns", netns)
    run(*ip, "link", "set", "host", "master", BRIDGE, "up")
    run("ip", "address", "add", f"{spec.host_address}/{width}", "dev", link)
    run("ip", "link", "set", link, "up")


def enter(netns: str) -> tuple[str, ...]:
    """The start of a command line that runs what follows in the network namespace."""
    return ("nsenter", f"--net=/run/netns/{netns}", "--")


def in_namespace(netns: str, *argv: str) -> str:
    """Run a command in the site's network namespace."""
    return run(*enter(netns), *argv)


def exists(netns: str) -> bool:
    """Whether the namespace is there."""
    return Path("/run/netns", netns).exists()


def _refuse_taken(spec: SiteSpec) -> None:
    routes = attempt("ip", "-4", "route", "show", "match", str(spec.gateway)).stdout.splitlines()
    taken = [route for route in routes if not route.startswith("default")]
    if taken:
        raise BundlerError(
            f"this host already uses {spec.subnet}",
            code=ExitCode.UNSUPPORTED,
            why=taken[0],
            fix="name another with --subnet, or take the other site down",
        )
