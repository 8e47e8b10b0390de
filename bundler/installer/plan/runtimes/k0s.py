"""k0s, as its documentation has it: a controller that is a node, too, or a worker; etcd inside.

https://docs.k0sproject.io: Configuration options, Airgap install, Control plane high availability, Node-local
load balancing, Runtime, Backup, Remove a controller. Its plan is held by contract tests; it was not run for
real.
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from bundler.core.addresses import is_v6
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context
from bundler.installer.plan.endpoint import ENDPOINT, shared_address
from bundler.installer.plan.kubeadm import networking
from bundler.installer.plan.mirrors import mirror_steps, mirrors_by_order
from bundler.installer.plan.runtimes.flavour import File, Layout, Token
from bundler.installer.plan.steps import Step
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

_CONFIG: Final = "/etc/k0s"
_DATA: Final = "/var/lib/k0s"
_TOKEN: Final = f"{_CONFIG}/token"

_LAYOUT: Final = Layout(
    program="k0s",
    config=_CONFIG,
    images=f"{_DATA}/images",
    environment=f"{_CONFIG}/first-start.env",
    token=_TOKEN,
    admin=f"{_DATA}/pki/admin.conf",
    ca=f"{_DATA}/pki/ca.crt",
    kubelet=f"{_DATA}/kubelet.conf",
    trees=(_CONFIG, _DATA, "/run/k0s", "/usr/libexec/k0s"),
    token_is_spent=True,
    reads_registries=False,
)


class _K0s:
    """See `Flavour`."""

    @property
    def layout(self) -> Layout:
        return _LAYOUT

    def unit(self, host: Host) -> str:
        return "k0scontroller.service" if host.is_control_plane else "k0sworker.service"

    def files(self, context: Context, host: Host) -> tuple[File, ...]:
        unit = templates.render(
            "k0s.service.j2", arguments=_arguments(context, host), environment=_LAYOUT.environment
        )
        drop_in = templates.render("k0s-registries.toml.j2", certs=paths.CERTS)
        files = (
            File("registries-file", f"{_CONFIG}/containerd.d/bundler.toml", drop_in),
            File("unit", f"{paths.UNITS}/{self.unit(host)}", unit),
        )
        if not host.is_control_plane:
            return files
        config = yaml.safe_dump(_config(context, host), sort_keys=True)
        return (File("config", f"{_CONFIG}/k0s.yaml", config), *files)

    def mirrors(self, context: Context) -> tuple[Step, ...]:
        orders = mirrors_by_order(context)
        return tuple(
            step
            for host in context.site.hosts
            for step in mirror_steps(context, host, orders[context.registries_for(host)])
        )

    def begin(self, _context: Context) -> str:
        return ""

    def join(self, _context: Context, _host: Host) -> str:
        return f"K0S_JOIN=--token-file={_TOKEN}\n"

    def token(self, host: Host) -> Token:
        role = "controller" if host.is_control_plane else "worker"
        return Token(f"{role}-token", ("k0s-token.sh",), {"role": role})

    @property
    def settled(self) -> tuple[str, ...]:
        return ("k0s-settled.sh",)

    @property
    def departed(self) -> tuple[str, ...]:
        return ("kubectl.sh", "k0s-departed.sh")

    @property
    def snapshot(self) -> tuple[str, ...]:
        return ("k0s-snapshot.sh",)


K0S: Final = _K0s()


def _arguments(context: Context, host: Host) -> str:
    if not host.is_control_plane:
        return "worker"
    taints = " --no-taints" if context.takes_pods(host) else ""
    return f"controller --config={_CONFIG}/k0s.yaml --enable-worker{taints}"


def _config(context: Context, host: Host) -> dict[str, Any]:
    """Workers find all control planes by k0s' own balancer, unless the site has one address for all."""
    cni = context.contents.index.network_plugins
    shared, own = shared_address(context), host.address
    spec: dict[str, Any] = {
        "api": {
            "address": own,
            "sans": [name for name in (ENDPOINT, own, shared) if name],
            **({"externalAddress": shared} if shared else {}),
        },
        "images": {"default_pull_policy": "IfNotPresent"},
        "network": {
            **_networks(networking(context)),
            **({"provider": "custom"} if cni else {}),
            **({} if shared else {"nodeLocalLoadBalancing": {"enabled": True}}),
        },
        "storage": {"type": "etcd", "etcd": {"peerAddress": own}},
        "telemetry": {"enabled": False},
    }
    return {
        "apiVersion": "k0s.k0sproject.io/v1beta1",
        "kind": "ClusterConfig",
        "metadata": {"name": "k0s"},
        "spec": spec,
    }


def _networks(found: Mapping[str, str]) -> dict[str, Any]:
    """With two families, the second one's subnets stand apart."""
    pods = found.get("podSubnet", "").split(",")
    services = found.get("serviceSubnet", "").split(",")
    second = len(pods) > 1 and len(services) > 1
    pods, services = (sorted(each, key=is_v6) for each in (pods, services))
    both = {"enabled": True, "IPv6podCIDR": pods[-1].strip(), "IPv6serviceCIDR": services[-1].strip()}
    return {
        "podCIDR": pods[0].strip(),
        "serviceCIDR": services[0].strip(),
        **({"dualStack": both} if second else {}),
        **({"clusterDomain": found["dnsDomain"]} if "dnsDomain" in found else {}),
    }
