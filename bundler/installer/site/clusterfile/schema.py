"""The Clusterfile's documents as pydantic models: Sealer's schema, and what `bundler/v1` adds.

Names in the file are Sealer's own. A field whose annotation carries `Later` is known and validated, but this
version can't do it: a value that asks for something is refused by name. `Native`: in `bundler/v1` only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from bundler.installer.site.clusterfile.values import (
    Addresses,
    Interval,
    NameServer,
    OneAddress,
    Port,
    RoleName,
    Strategy,
    Text,
    TimeServer,
    Variables,
    read_endpoint,
)

NATIVE: Final = "bundler/v1"


@dataclass(frozen=True, slots=True)
class Later:
    """Marks a field that is not supported yet. instead: what can be done now."""

    instead: str = ""


@dataclass(frozen=True, slots=True)
class Native:
    """Marks a field that only `apiVersion: bundler/v1` has."""


class Model(BaseModel):
    """Strict, frozen, and closed against unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Metadata(Model):
    """The name; the rest of Kubernetes' metadata means nothing here."""

    name: str = ""
    creation_timestamp: None = None
    namespace: Annotated[str, Later("leave it out")] = ""
    labels: Annotated[dict[str, Any], Later("leave them out")] = {}
    annotations: Annotated[dict[str, Any], Later("leave them out")] = {}


class Ssh(Model):
    """How to log in; a host's own fields stand over the cluster's."""

    user: Text | None = None
    passwd: Text | None = None
    pk: str | None = None
    pk_passwd: Text | None = None
    port: Port | None = None
    encrypted: Annotated[bool, Later("use passwordFile or passwordEnv, apiVersion bundler/v1")] = False
    password_file: Annotated[str | None, Native()] = None
    password_env: Annotated[str | None, Native()] = None


class Host(Model):
    """Machines with the same roles and the same login."""

    ips: Annotated[list[Addresses], Field(min_length=1)]
    roles: Annotated[list[RoleName], Field(min_length=1)]  # `build` tells ours from the site's own
    ssh: Ssh = Ssh()
    env: Variables = {}
    labels: Annotated[dict[str, Any], Later("label the nodes with kubectl")] = {}
    taints: Annotated[list[str], Later("taint the nodes with kubectl")] = []
    host_key: Annotated[str, Native()] = ""


class HostAlias(Model):
    """Lines for /etc/hosts."""

    ip: str
    hostnames: list[str]


class SubjectAltName(Model):
    """More names for the registry's certificate."""

    dns_names: list[str] = []
    ips: list[str] = []


class Certificate(Model):
    """What goes into the registry's certificate."""

    subject_alt_name: SubjectAltName | None = None


class LocalRegistry(Model):
    """The site's own registry."""

    domain: str = ""
    port: Port | None = None
    username: Text = ""
    password: Text = ""
    ha: Annotated[bool, Later("it runs on the control plane")] = False
    insecure: Annotated[bool, Later("it always speaks TLS")] = False
    cert: Annotated[Certificate | None, Later()] = None


class ExternalRegistry(Model):
    """Somebody else's registry."""

    domain: str = ""
    port: Port | None = None
    username: Text = ""
    password: Text = ""


class Registry(Model):
    """One of the two."""

    local_registry: LocalRegistry | None = None
    external_registry: Annotated[ExternalRegistry | None, Later("the site's own registry is used")] = None


class ContainerRuntime(Model):
    """What runs the containers."""

    type: Literal["containerd", "docker"] = "containerd"
    version: Annotated[str, Later("the bundle's own version is used")] = ""


class Endpoint(Model):
    """How nodes reach the API: `local` (neither), or one of the two."""

    vip: OneAddress | None = None
    external: OneAddress | None = None


class Snapshots(Model):
    """How often each control plane takes one, and how many it keeps."""

    every: Interval = "6h"
    keep: Annotated[int, Field(ge=1, le=1000)] = 10


class ClusterSpec(Model):
    """The machines and how they are reached."""

    image: str = ""
    env: Variables = {}
    ssh: Ssh = Ssh()
    hosts: Annotated[list[Host], Field(min_length=1)]
    registry: Registry = Registry()
    endpoint: Annotated[Endpoint, BeforeValidator(read_endpoint), Native()] = Endpoint()
    container_runtime: ContainerRuntime = ContainerRuntime()
    host_aliases: Annotated[list[HostAlias], Later("write the lines into /etc/hosts yourself")] = []
    data_root: Annotated[str, Later("/var/lib/bundler is used")] = ""
    cmd: Annotated[list[str], Later("use LAUNCH or CMDS in the Kubefile")] = []
    cmd_args: Annotated[list[str], Later("use ARG and ENV in the Kubefile"), Field(alias="cmd_args")] = []
    app_names: list[str] | None = None
    dns: Annotated[list[NameServer], Native()] = []
    ntp: Annotated[list[TimeServer], Native()] = []
    snapshots: Annotated[Snapshots | None, Native()] = None


class AppFile(Model):
    """A file of an app, changed on site."""

    path: str
    strategy: Strategy = "overwrite"
    data: str = ""


class Commands(Model):
    """Commands in place of the app's own."""

    cmds: list[str] = []


class AppConfig(Model):
    """What one app gets on this site."""

    name: str
    env: Variables = {}
    launch: Annotated[Commands | None, Later("use APPCMDS in the Kubefile")] = None
    delete: Annotated[Commands | None, Later()] = None
    files: Annotated[list[AppFile], Later("use env, or values in the Kubefile")] = []


class ApplicationSpec(Model):
    """Which apps are started, and with what."""

    launch_apps: list[str] | None = None
    cmds: Annotated[list[str], Later("use CMDS in the Kubefile")] = []
    configs: list[AppConfig] = []


class ConfigSpec(Model):
    """A file of the bundle, changed on site."""

    path: str
    app_name: str = ""
    strategy: Strategy = "merge"
    process: str = ""
    data: str = ""


class PluginSpec(Model):
    """A script at a moment of the run."""

    type: str
    action: str = ""
    on: str = ""
    scope: str = ""
    data: str


class _Document(Model):
    """What every kind has. status: Sealer writes one into each file it saves; it says nothing of a site."""

    api_version: str
    kind: str
    metadata: Metadata = Metadata()
    status: Any = None


class Cluster(_Document):
    """kind: Cluster."""

    spec: ClusterSpec


class Application(_Document):
    """kind: Application."""

    spec: ApplicationSpec = ApplicationSpec()


class Config(_Document):
    """kind: Config."""

    spec: ConfigSpec


class Plugin(_Document):
    """kind: Plugin."""

    spec: PluginSpec


KINDS: Final[Mapping[str, type[Model]]] = {
    "Cluster": Cluster,
    "Application": Application,
    "Config": Config,
    "Plugin": Plugin,
}
UNSUPPORTED_KINDS: Final = frozenset({"Config", "Plugin"})
# Kinds of other versions of Sealer, with what to write in their place.
OLD_KINDS: Final[Mapping[str, str]] = {
    "KubeadmConfig": "write ClusterConfiguration (kubeadm.k8s.io) with the same fields at its top level",
}
API_VERSIONS: Final[Mapping[str, frozenset[str]]] = {
    "Cluster": frozenset({"sealer.io/v2", "sealer.cloud/v2", NATIVE}),
    "Application": frozenset({"sealer.io/v2", "sealer.cloud/v2", NATIVE}),
    "Config": frozenset({"sealer.io/v1", "sealer.cloud/v1", NATIVE}),
    "Plugin": frozenset({"sealer.io/v1", "sealer.cloud/v1", NATIVE}),
}
# Kubernetes' own documents are passed through; kubeadm knows what may be in them.
RAW_GROUPS: Final = ("kubeadm.k8s.io", "kubelet.config.k8s.io", "kubeproxy.config.k8s.io")
RAW_KINDS: Final[Mapping[str, str]] = {
    "InitConfiguration": "kubeadm.k8s.io",
    "JoinConfiguration": "kubeadm.k8s.io",
    "ClusterConfiguration": "kubeadm.k8s.io",
    "KubeletConfiguration": "kubelet.config.k8s.io",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io",
}
