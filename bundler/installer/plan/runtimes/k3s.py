"""k3s, as its documentation has it: one unit, `config.yaml`, `registries.yaml`, etcd inside.

https://docs.k3s.io: Configuration Options, High Availability Embedded etcd, Air-Gap Install, Private Registry
Configuration, etcd-snapshot, Manual Upgrades. Its plan is held by contract tests; it was not run for real.
"""

from typing import Any, Final

import yaml

from bundler.core.addresses import in_url
from bundler.core.reference import Reference
from bundler.installer.plan import paths
from bundler.installer.plan.context import Context, node_name
from bundler.installer.plan.endpoint import API_PORT, ENDPOINT, shared_address
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.kubeadm import networking
from bundler.installer.plan.mirrors import ca_id
from bundler.installer.plan.registry_paths import store_name
from bundler.installer.plan.runtimes.flavour import File, Layout, Token
from bundler.installer.plan.steps import Phase, Step, Write
from bundler.installer.scripts import render as templates
from bundler.installer.site.model import Host

NO_PODS: Final = "node-role.kubernetes.io/control-plane:NoSchedule"
_CONFIG: Final = "/etc/rancher/k3s"
_DATA: Final = "/var/lib/rancher/k3s"
# Every server of a cluster has to be given the same; the address of its DNS follows from them.
_NETWORKS: Final = {
    "podSubnet": "cluster-cidr",
    "serviceSubnet": "service-cidr",
    "dnsDomain": "cluster-domain",
}
_TOKEN: Final = f"{_CONFIG}/token"

_LAYOUT: Final = Layout(
    program="k3s",
    config=_CONFIG,
    images=f"{_DATA}/agent/images",
    environment=f"{_CONFIG}/first-start.env",
    token=_TOKEN,
    admin=f"{_CONFIG}/k3s.yaml",
    ca=f"{_DATA}/server/tls/server-ca.crt",
    kubelet=f"{_DATA}/agent/kubelet.kubeconfig",
    trees=("/etc/rancher", "/var/lib/rancher", "/run/k3s"),
    token_is_spent=False,
    reads_registries=True,
)


class _K3s:
    """See `Flavour`."""

    @property
    def layout(self) -> Layout:
        return _LAYOUT

    def unit(self, _host: Host) -> str:
        return "k3s.service"

    def files(self, context: Context, host: Host) -> tuple[File, ...]:
        role = "server" if host.is_control_plane else "agent"
        unit = templates.render("k3s.service.j2", role=role, environment=_LAYOUT.environment)
        config = _server(context, host) if host.is_control_plane else _agent(context, host)
        return (
            File("config", f"{_CONFIG}/config.yaml", _yaml(config)),
            File("registries-file", f"{_CONFIG}/registries.yaml", _registries(context, host), secret=True),
            File("unit", f"{paths.UNITS}/k3s.service", unit),
        )

    def mirrors(self, context: Context) -> tuple[Step, ...]:
        return tuple(_ca(context, host) for host in context.site.hosts)

    def begin(self, _context: Context) -> str:
        return "K3S_CLUSTER_INIT=true\n"

    def join(self, context: Context, host: Host) -> str:
        if not host.is_control_plane:  # its configuration names the API
            return ""
        return f"K3S_URL=https://{in_url(context.primary.address)}:{API_PORT}\n"

    def token(self, _host: Host) -> Token:
        return Token("token", ("k3s-token.sh",))

    @property
    def settled(self) -> tuple[str, ...]:
        return ("kubectl.sh", "k3s-settled.sh")

    @property
    def departed(self) -> tuple[str, ...]:
        return ("kubectl.sh", "k3s-departed.sh")

    @property
    def snapshot(self) -> tuple[str, ...]:
        return ("k3s-snapshot.sh",)


K3S: Final = _K3s()


class _Plain(yaml.SafeDumper):
    """Without anchors: people read these files."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=True)


def _node(context: Context, host: Host) -> dict[str, Any]:
    own = context.of(host)
    # Behind address translation the host has another address than the one that we know it by.
    address = {"node-ip": host.address} if host.address in own.addresses else {}
    return {"node-name": node_name(own), "token-file": _TOKEN, **address}


def _server(context: Context, host: Host) -> dict[str, Any]:
    """A network plug-in of the bundle takes the place of k3s' own."""
    cni = context.contents.index.network_plugins
    names = dict.fromkeys((ENDPOINT, host.address, shared_address(context)))
    networks = networking(context)
    return {
        **_node(context, host),
        **{option: networks[name] for name, option in _NETWORKS.items() if name in networks},
        "tls-san": [name for name in names if name],
        "write-kubeconfig-mode": "0600",
        "disable-default-registry-endpoint": True,
        **({"flannel-backend": "none", "disable-network-policy": True} if cni else {}),
        **({} if context.takes_pods(host) else {"node-taint": [NO_PODS]}),
    }


def _agent(context: Context, host: Host) -> dict[str, Any]:
    return {
        **_node(context, host),
        "server": f"https://{ENDPOINT}:{API_PORT}",
        "disable-default-registry-endpoint": True,
    }


def _registries(context: Context, host: Host) -> str:
    """Every name of the bundle's images leads to the site's registries, which keep them below that name."""
    port = context.site.registry.port
    bases = [f"https://{in_url(address)}:{port}" for address in context.registries_for(host)]
    names = sorted({Reference.parse(name).registry for name in context.contents.images})
    mirrors: dict[str, Any] = {
        name: {"endpoint": bases, "rewrite": {"^(.*)$": f"{store_name(name)}/$1"}} for name in names
    }
    mirrors[context.site.registry.name] = {"endpoint": bases}
    mirrors["*"] = {"endpoint": bases}
    login = {"username": context.login.username, "password": context.login.password.reveal()}
    access = {"auth": login, "tls": {"ca_file": paths.CA}}
    configs = {base.removeprefix("https://"): access for base in sorted(bases)}
    return _yaml({"mirrors": mirrors, "configs": configs})


def _ca(context: Context, host: Host) -> Step:
    return Write(
        id=ca_id(host),
        host=host.address,
        phase=Phase.RUNTIME,
        reason="containerd trusts the site's registries by the site's own CA",
        after=(Ids(host.address).prepare,),
        path=paths.CA,
        content=context.secrets.trusted,
    )
