"""The cluster's DNS: CoreDNS as kubeadm installs it, with a Corefile that only asks servers of the site.

kubeadm keeps a Corefile that is not its own when it upgrades. The Deployment it writes anew, so this step has
to run again behind an upgrade.
"""

import json
from typing import Any, Final

from bundler.installer.plan.context import Context
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.steps import Exec, Phase, Step
from bundler.installer.scripts import render as templates

DOMAIN: Final = "cluster.local"
_LABEL: Final = {"k8s-app": "kube-dns"}


def dns_steps(context: Context) -> tuple[Step, ...]:
    """Configure CoreDNS while its pods still wait for a network; none where the site switches it off."""
    if not has_dns(context):
        return ()
    ids = Ids(context.primary.address)
    return (
        Exec(
            id=ids.dns,
            host=ids.host,
            phase=Phase.NETWORK,
            reason="names of the cluster resolve, and others only by the site's own name servers",
            after=context.begun,
            script=templates.script(
                "kubectl.sh",
                "dns.sh",
                config=_config_map(context),
                patch=json.dumps(_patch(context)),
                version=context.contents.version.text,
            ),
        ),
    )


def has_dns(context: Context) -> bool:
    """Whether the cluster has a DNS of its own: always, unless a document says `dns.disabled`."""
    asked = context.layers.asked("ClusterConfiguration").get("dns")
    return not (isinstance(asked, dict) and asked.get("disabled") is True)


def corefile(context: Context) -> str:
    """CoreDNS' configuration.

    Without name servers of the site an outside name does not exist: that is said at once, and no packet is
    sent. There is no loop check: it asks the name servers for two random names.
    """
    networking = context.layers.asked("ClusterConfiguration").get("networking")
    named = networking.get("dnsDomain") if isinstance(networking, dict) else None
    servers = " ".join(_server(each) for each in context.site.dns)
    return templates.render("Corefile.j2", domain=str(named or DOMAIN), servers=servers)


def _server(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _config_map(context: Context) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": corefile(context)},
    }
    return json.dumps(document)


def _patch(context: Context) -> dict[str, Any]:
    """Two replicas are worth something only on two nodes; a site of one host keeps kubeadm's own wish."""
    if len(context.site.hosts) < 2:
        return {}
    apart = [{"labelSelector": {"matchLabels": _LABEL}, "topologyKey": "kubernetes.io/hostname"}]
    affinity = {
        "requiredDuringSchedulingIgnoredDuringExecution": apart,
        "preferredDuringSchedulingIgnoredDuringExecution": None,
    }
    return {"spec": {"template": {"spec": {"affinity": {"podAntiAffinity": affinity}}}}}
