"""A site whose hosts are of several platforms: who gets what of a file that is for all of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bundler.core.archive.platforms import choose
from bundler.core.oci import Descriptor
from bundler.installer.facts.model import Facts
from bundler.installer.plan.contents import Contents, Mix
from bundler.installer.site.model import Host


def united(own: Contents, others: Iterable[Contents], choices: Mapping[str, Descriptor]) -> Contents:
    """One for the hosts of all of them. own: of the platform that the plan is made of."""
    named = {each.index.platform: replace(each, platform=each.index.platform) for each in others}
    return replace(own, mix=Mix(others=named, choices=choices))


def fitted(contents: Contents, facts: Facts, hosts: Iterable[Host], silent: Iterable[str] = ()) -> Contents:
    """The contents with the platform of every host that answers.

    hosts: those that stay, so that the registries have their images. silent: architectures of hosts that
    stay and do not answer now.
    """
    mix = contents.mix
    if not mix.others:
        return contents
    found = {address: _platform(contents, host.architecture) for address, host in facts.hosts.items()}
    staying = (found.get(host.address, "") for host in hosts)
    quiet = (_platform(contents, architecture) for architecture in silent)
    used = {*staying, *quiet}
    theirs = {address: platform for address, platform in found.items() if platform}
    return replace(
        contents,
        mix=replace(mix, hosts=theirs, used=tuple(platform for platform in mix.others if platform in used)),
    )


def architectures(facts: Facts, recorded: Mapping[str, str]) -> frozenset[str]:
    """Of all hosts that answer, and of those that did once. recorded: by address."""
    return frozenset((*(host.architecture for host in facts.hosts.values()), *recorded.values()))


def _platform(contents: Contents, architecture: str) -> str:
    """Of the others, the one for this architecture; "" for the plan's own, and where there is none."""
    return choose(tuple(contents.mix.others), architecture) or ""
