"""How kube-proxy steers packets: nftables where every host can, else iptables; never left to a default."""

import re
from typing import Final

from bundler.installer.facts.model import HostFacts
from bundler.installer.plan.context import Context
from bundler.installer.plan.packages import packages_of

NFTABLES: Final = "nftables"
IPTABLES: Final = "iptables"

_KERNEL: Final = (5, 13)  # Kubernetes' own requirement for the mode
_NFT: Final = (1, 0, 1)


def proxy_mode(context: Context) -> str:
    """One mode for all nodes, because Kubernetes has one setting for all of them.

    nft on the host is needed for `delete` alone: kube-proxy's image has its own.
    """
    if not context.contents.version.knows_nftables:
        return IPTABLES
    able = all(_kernel(facts) >= _KERNEL and _has_nft(context, facts) for _, facts in context.hosts())
    return NFTABLES if able else IPTABLES


def _kernel(facts: HostFacts) -> tuple[int, ...]:
    return _numbers(facts.kernel)[:2]


def _has_nft(context: Context, facts: HostFacts) -> bool:
    bundled = {each.name: each.version for each in packages_of(context, facts)}
    version = facts.packages.get("nftables") or bundled.get("nftables")
    if version is None:
        return "nft" in facts.commands  # not from a package: its administrator knows its age
    return _numbers(version.rpartition(":")[2])[:3] >= _NFT


def _numbers(text: str) -> tuple[int, ...]:
    """`6.1.0-13-amd64` is (6, 1, 0): what stands before the first other sign."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in match[0].split(".")) if match else ()
