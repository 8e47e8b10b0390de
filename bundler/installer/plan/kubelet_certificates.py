"""The kubelets' serving certificates, issued by the cluster's own CA.

A kubelet makes its key itself and asks the API for a certificate. No request is taken at its word: one is
approved, over our own connection, only if it comes from a node of this site and names exactly that node's
name and address.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from bundler.installer.facts.model import HostFacts
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.steps import Await, Phase, Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

DEADLINE: Final = 180.0  # seconds after the last join


def kubelet_certificate_steps(context: Context) -> tuple[Step, ...]:
    """Approve what nodes ask for until the API server reaches all kubelets; none where a site opts out."""
    script = approval(context, context.site.hosts)
    if not script:
        return ()
    ids = Ids(context.primary.address)
    return (
        Await(
            id=ids.kubelet_certificates,
            host=ids.host,
            phase=Phase.NETWORK,
            reason="the API server only talks to kubelets with a certificate of the cluster's CA",
            after=(*context.begun, *context.joins),
            script=script,
            subject="every kubelet to serve with a certificate of the cluster's CA",
            deadline=DEADLINE,
            interval=0.2,
        ),
    )


def approval(context: Context, hosts: Iterable[Host], *, moved: bool = False) -> str:
    """The script that approves what these hosts' kubelets ask for; "" where a site opts out.

    moved: they have other addresses than a moment ago, with which they may have asked.
    """
    if context.layers.asked("KubeletConfiguration").get("serverTLSBootstrap") is False:
        return ""
    wanted = "".join(
        f"{node_name(context.of(host))} {names}\n"
        for host in hosts
        for names in _alternatives(host, context.of(host))
    )
    anew = {"anew": "yes"} if moved else {}
    return templates.script("kubectl.sh", "kubelet-certs.sh", wanted=wanted, **anew)


def _alternatives(host: Host, facts: HostFacts) -> tuple[str, ...]:
    """Behind address translation the kubelet names one of the host's own addresses; we can't know which."""
    addresses = (host.address,) if host.address in facts.addresses else facts.addresses
    return tuple(subject_alternative_name(node_name(facts), address) for address in addresses)


def subject_alternative_name(name: str, address: str) -> str:
    """The whole extension of a request for this name and address, in hexadecimal (RFC 5280, 4.2.1.6)."""
    dns = b"\x82" + _length(len(name)) + name.encode()
    packed = ipaddress.ip_address(address).packed
    names = dns + b"\x87" + _length(len(packed)) + packed
    sequence = b"\x30" + _length(len(names)) + names
    return (b"\x06\x03\x55\x1d\x11" + b"\x04" + _length(len(sequence)) + sequence).hex()


def _length(size: int) -> bytes:
    """A length as DER writes it (X.690, 8.1.3); names are far shorter than 256 bytes."""
    return bytes([size]) if size < 128 else bytes([0x81, size])
