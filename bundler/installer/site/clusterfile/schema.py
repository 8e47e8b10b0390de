"""The Clusterfile's documents as pydantic models: Sealer's schema, and what `bundler/v1` adds.

Names in the file are Sealer's own. A field whose annotation carries `Later` is known and validated, but this
version can't do it: a value that asks for something is refused by name. `Native`: in `bundler/v1` only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from bundler.installer.site.clusterfile.values import (
    Action,
    Addresses,
    FilePath,
    GroupName,
    HostName,
    Interval,
    Labels,
    NameServer,
    OneAddress,
    Port,
    Process,
    RoleName,
    Strategy,
    TaintText,
    Text,
    TimeServer,
    Unavailable,
    Variables,
    check_folder,
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
    """The name, and labels for people's own tools; the rest of Kubernetes' metadata means nothing here."""

    name: str = ""
    creation_timestamp: None = None
    namespace: str = ""
    labels: Labels = {}
    annotations: dict[str, Any] = {}


class Jump(Model):
    """A bastion, with a login of its own."""

    host: HostName
    user: Text | None = None
    port: Port | None = None
    pk: str | None = None
    pk_passwd: Text | None = None
    passwd: Text | None = None
    password_file: str | None = None
    password_env: str | None = None
    host_key: str = ""


class Ssh(Model):
    """How to log in; a host's own fields stand over the cluster's."""

    user: Text | None = None
    passwd: Text | None = None
    pk: str | None = None
    pk_passwd: Text | None = None
    port: Port | None = None
    encrypted: bool = False
    password_file: Annotated[str | None, Native()] = None
    password_env: Annotated[str | None, Native()] = None
    jump: Annotated[Jump | None, Native()] = None


class Host(Model):
    """Machines with the same roles and the same login."""

    ips: Annotated[list[Addresses], Field(min_length=1)]
    roles: Annotated[list[RoleName], Field(min_length=1)]  # `build` tells ours from the site's own
    ssh: Ssh = Ssh()
    env: Variables = {}
    labels: Labels = {}
    taints: list[TaintText] = []
    host_key: Annotated[str, Native()] = ""
    addresses: Annotated[list[OneAddress], Native()] = []
    group: Annotated[GroupName | None, Native()] = None


class HostAlias(Model):
    """Lines for /etc/hosts."""

    ip: NameServer
    hostnames: Annotated[list[HostName], Field(min_length=1)]


class SubjectAltName(Model):
    """More names for the registry's certificate."""

    dns_names: list[HostName] = []
    ips: list[NameServer] = []


class Certificate(Model):
    """What goes into the registry's certificate."""

    subject_alt_name: SubjectAltName | None = None


class LocalRegistry(Model):
    """The site's own registry."""

    domain: str = ""
    port: Port | None = None
    username: Text = ""
    password: Text = ""
    ha: bool | None = None
    insecure: bool = False
    cert: Certificate | None = None


class ExternalRegistry(Model):
    """Somebody else's registry."""

    domain: HostName
    port: Port | None = None
    username: Text = ""
    password: Text = ""
    prefix: Annotated[str, Native()] = ""
    ca: Annotated[str, Native()] = ""


class Registry(Model):
    """One of the two."""

    local_registry: LocalRegistry | None = None
    external_registry: ExternalRegistry | None = None


class ContainerRuntime(Model):
    """What runs the containers."""

    type: Literal["containerd", "docker"] = "containerd"
    version: str = ""


class Endpoint(Model):
    """How nodes reach the API: `local` (neither), or one of the two."""

    vip: OneAddress | None = None
    external: OneAddress | None = None


_ADDRESS: Final = {"type": "string"}
_EITHER: Final = {"type": "object", "properties": {"vip": _ADDRESS, "external": _ADDRESS}}
ENDPOINT: Final = WithJsonSchema({"anyOf": [{"const": "local"}, {**_EITHER, "additionalProperties": False}]})


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
    endpoint: Annotated[Endpoint, BeforeValidator(read_endpoint), Native(), ENDPOINT] = Endpoint()
    container_runtime: ContainerRuntime = ContainerRuntime()
    host_aliases: list[HostAlias] = []
    data_root: Annotated[str, AfterValidator(check_folder)] = ""
    cmd: list[str] = []
    cmd_args: Annotated[Variables, Field(alias="cmd_args")] = {}
    app_names: list[str] | None = None
    dns: Annotated[list[NameServer], Native()] = []
    ntp: Annotated[list[TimeServer], Native()] = []
    snapshots: Annotated[Snapshots | None, Native()] = None
    max_unavailable: Annotated[Unavailable, Native()] = {}


class AppFile(Model):
    """A file of an app, changed on site."""

    path: FilePath
    strategy: Strategy = "overwrite"
    data: Text = ""


class Commands(Model):
    """Commands in place of the app's own."""

    cmds: list[str] = []


class AppConfig(Model):
    """What one app gets on this site."""

    name: str
    env: Variables = {}
    launch: Commands | None = None
    delete: Commands | None = None
    files: list[AppFile] = []
    values: Annotated[dict[str, Any], Native()] = {}


class ApplicationSpec(Model):
    """Which apps are started, and with what."""

    launch_apps: list[str] | None = None
    cmds: list[str] = []
    configs: list[AppConfig] = []


class ConfigSpec(Model):
    """A file of the bundle, changed on site."""

    path: FilePath
    app_name: str = ""
    strategy: Strategy = "overwrite"
    process: Process = ""
    data: Text = ""


class PluginSpec(Model):
    """A script at a moment of the run."""

    type: str = "SHELL"
    action: Action
    on: str = ""
    scope: str = ""
    data: Text = ""


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
KUBEADM_CONFIG: Final = "KubeadmConfig"  # of Sealer: fields of all of kubeadm's kinds together, below `spec`
_SEALER_V1: Final = ("sealer.io/v1", "sealer.cloud/v1", "sealer.aliyun.com/v1alpha1")
API_VERSIONS: Final[Mapping[str, frozenset[str]]] = {
    "Cluster": frozenset({"sealer.io/v2", "sealer.cloud/v2", NATIVE}),
    "Application": frozenset({"sealer.io/v2", "sealer.cloud/v2", NATIVE}),
    "Config": frozenset({*_SEALER_V1, "sealer.io/v2", "sealer.cloud/v2", NATIVE}),
    "Plugin": frozenset({*_SEALER_V1, "sealer.io/v2", "sealer.cloud/v2", NATIVE}),
    KUBEADM_CONFIG: frozenset({"sealer.io/v2", "sealer.cloud/v2", NATIVE}),
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
