"""From the validated documents to the `Site`: what no single field can tell is checked here."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Address
from pathlib import PurePath
from typing import Any, Final

from bundler.core.errors import Location, Problem
from bundler.core.sshkey import FINGERPRINT
from bundler.core.yamldoc import Document, suggest
from bundler.installer.site.clusterfile import addresses, schema
from bundler.installer.site.clusterfile.faults import UNSUPPORTED, Path
from bundler.installer.site.model import (
    REGISTRY_DOMAIN,
    REGISTRY_PORT,
    Endpoint,
    ExternalEndpoint,
    Host,
    LocalEndpoint,
    Login,
    PasswordEnv,
    PasswordFile,
    PasswordSource,
    Role,
    Secret,
    Site,
    SiteRegistry,
    TimedSnapshots,
    VirtualEndpoint,
)
from bundler.installer.site.quorum import advice

_ROLES: Final[Mapping[str, Role]] = {
    "master": Role.CONTROL_PLANE,
    "control-plane": Role.CONTROL_PLANE,
    "node": Role.WORKER,
    "worker": Role.WORKER,
}
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER: Final = re.compile(r"[^\s:/\x00-\x1f\x7f]{1,256}")
_DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(slots=True)
class ClusterfileParts:
    """What was read of a Clusterfile, each with the document it stands in."""

    cluster: tuple[Document, schema.Cluster] | None = None
    application: tuple[Document, schema.Application] | None = None
    kubeadm: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)


class Builder:
    """Makes a Site, collecting problems on the way; the Site is worth something only when there are none."""

    def __init__(self, document: Document, folder: PurePath) -> None:
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.local: list[tuple[str, Path, bool]] = []  # files that are named: path, place, a password's
        self._places: dict[str, Location] = {}
        self._looked_at = 0  # addresses
        self._too_many = False
        self._document = document
        self._folder = folder

    def site(self, cluster: schema.Cluster, parts: ClusterfileParts) -> Site:
        """The site of these documents."""
        spec = cluster.spec
        hosts = self._hosts(spec)
        self._check_name(cluster.metadata.name)
        if spec.image:
            where = self._document.locate(("spec", "image"))
            self.notices.append(f"{where}: `image` is not looked at: this file is the image")
        if spec.container_runtime.type != "containerd":
            self._fault(("spec", "containerRuntime", "type"), UNSUPPORTED, "docker is not supported yet")
        launch, app_envs = self._apps(spec, parts.application)
        return Site(
            name=cluster.metadata.name or "cluster",
            hosts=tuple(sorted(hosts, key=lambda host: not host.is_control_plane)),
            env=spec.env,
            registry=self._registry(spec.registry.local_registry),
            endpoint=self._endpoint(spec.endpoint, hosts),
            kubeadm=parts.kubeadm,
            documents=parts.documents,
            dns=tuple(spec.dns),
            ntp=tuple(spec.ntp),
            snapshots=TimedSnapshots(spec.snapshots.every, spec.snapshots.keep) if spec.snapshots else None,
            launch=launch,
            app_envs=app_envs,
            places=self._places,
            notices=tuple(self.notices),
        )

    def problem(self, path: Path, rule: str, message: str, hint: str = "") -> Problem:
        """A fault at a place of the Cluster document."""
        return self._document.problem(path, rule, message, hint=hint)

    def locate(self, path: Path) -> str:
        """A place of the Cluster document, for a note."""
        return str(self._document.locate(path))

    def _fault(self, path: Path, rule: str, message: str, hint: str = "") -> None:
        self.problems.append(self._document.problem(path, rule, message, hint=hint))

    def _check_name(self, name: str) -> None:
        if name and not _NAME.fullmatch(name):
            message = "metadata.name must be lower-case letters, digits and dashes, at most 63"
            self._fault(("metadata", "name"), "wrong-value", message)

    def _hosts(self, spec: schema.ClusterSpec) -> list[Host]:
        hosts: dict[str, Host] = {}
        known: set[int] = set()
        for number, group in enumerate(spec.hosts):
            path = ("spec", "hosts", number)
            login = self._login(spec.ssh, group, path)
            roles = frozenset(_ROLES[name] for name in group.roles if name in _ROLES)
            labels = self._own_roles(group, path)
            if group.env:
                self.notices.append(f"{self.locate((*path, 'env'))}: no app reads a host's own `env` yet")
            for address in self._addresses(group, path, known):
                hosts[address] = Host(address, roles, login, group.env, labels)
        self._check_control_plane(spec, list(hosts.values()))
        return list(hosts.values())

    def _own_roles(self, group: schema.Host, path: Path) -> tuple[str, ...]:
        """Roles that are none of ours become labels; one beside which there is none of ours is a slip."""
        own = tuple(dict.fromkeys(name for name in group.roles if name not in _ROLES))
        known = tuple(_ROLES)
        alone = len(own) == len(set(group.roles))
        for name in own:
            if alone or get_close_matches(name.lower(), known, n=1, cutoff=0.75):
                place = (*path, "roles", group.roles.index(name))
                message = f"{name!r} alone is no role" if alone else f"{name!r} is no role"
                self._fault(place, "wrong-value", message, suggest(name.lower(), known))
        return own

    def _addresses(self, group: schema.Host, path: Path, known: set[int]) -> Iterator[str]:
        """New ones. However many entries say the same, or however much, the time that it takes is bounded."""
        for number, entry in enumerate(group.ips):
            place = (*path, "ips", number)
            wanted = addresses.numbers(entry)
            if self._looked_at + len(wanted) > 2 * addresses.MOST:
                if not self._too_many:
                    message = f"more than {addresses.MOST:,} hosts, with this entry"
                    self._fault(place, "too-many-hosts", message, "write a Clusterfile for each site")
                self._too_many = True
                return
            self._looked_at += len(wanted)
            twice = [each for each in wanted if each in known]
            if twice:
                others = f" and {len(twice) - 1:,} more" if len(twice) > 1 else ""
                told = f"{IPv4Address(twice[0])}{others}"
                are = "are" if others else "is"
                self._fault(place, "duplicate-host", f"{told} {are} listed twice")
            yield from (str(IPv4Address(each)) for each in wanted if each not in known)
            known.update(wanted)

    def _check_control_plane(self, spec: schema.ClusterSpec, hosts: list[Host]) -> None:
        count = sum(host.is_control_plane for host in hosts)
        if self.problems:
            return
        if not count:
            message = "no host has the role control-plane (or master)"
            self._fault(("spec", "hosts"), "missing-role", message)
        elif warning := advice(count):
            masters = [number for number, group in enumerate(spec.hosts) if _is_master(group)]
            self.notices.append(
                f"{self._document.locate(('spec', 'hosts', masters[-1], 'roles'))}: {warning}"
            )

    def _endpoint(self, given: schema.Endpoint, hosts: list[Host]) -> Endpoint:
        path = ("spec", "endpoint")
        if given.vip and given.external:
            self._fault(path, "wrong-value", "only one of vip and external can be given")
        if given.external:
            return ExternalEndpoint(given.external)
        if not given.vip:
            return LocalEndpoint()
        if given.vip in {host.address for host in hosts}:
            message = f"{given.vip} is a host's own address; a virtual one moves between control planes"
            self._fault((*path, "vip"), "wrong-value", message)
        return VirtualEndpoint(given.vip)

    def _login(self, cluster: schema.Ssh, group: schema.Host, path: Path) -> Login:
        """The host's own fields over the cluster's over the defaults."""
        own = group.ssh
        self._check_fingerprint(group, path)
        self._check_user(own, (*path, "ssh"))
        if path[-1] == 0:
            self._note_password(cluster, ("spec", "ssh"))
            self._check_user(cluster, ("spec", "ssh"))
            self._note_files(cluster, ("spec", "ssh"))
        self._note_password(own, (*path, "ssh"))
        self._note_files(own, (*path, "ssh"))
        passphrase = own.pk_passwd or cluster.pk_passwd
        return Login(
            user=own.user or cluster.user or "root",
            port=own.port or cluster.port or 22,
            key_file=self._beside(own.pk or cluster.pk or ""),
            key_passphrase=Secret(passphrase) if passphrase else None,
            password=self._password(own) or self._password(cluster),
            fingerprint=group.host_key,
        )

    def _check_user(self, ssh: schema.Ssh, path: Path) -> None:
        if ssh.user is not None and not _USER.fullmatch(ssh.user):
            message = "ssh.user must be a login name: no blanks, colons or control characters"
            self._fault((*path, "user"), "wrong-value", message)

    def _password(self, ssh: schema.Ssh) -> PasswordSource | None:
        if ssh.password_file:
            return PasswordFile(self._beside(ssh.password_file))
        if ssh.password_env:
            return PasswordEnv(ssh.password_env)
        return Secret(ssh.passwd) if ssh.passwd else None

    def _note_password(self, ssh: schema.Ssh, path: Path) -> None:
        given = [each for each in (ssh.passwd, ssh.password_file, ssh.password_env) if each]
        if len(given) > 1:
            self._fault(path, "wrong-value", "only one of passwd, passwordFile and passwordEnv can be given")
        if ssh.passwd:
            where = self._document.locate((*path, "passwd"))
            better = "passwordFile, passwordEnv (apiVersion bundler/v1) or --ask-password"
            self.notices.append(f"{where}: a password in plain text; better: {better}")

    def _note_files(self, ssh: schema.Ssh, path: Path) -> None:
        if ssh.pk:
            self.local.append((self._beside(ssh.pk), (*path, "pk"), False))
        if ssh.password_file:
            self.local.append((self._beside(ssh.password_file), (*path, "passwordFile"), True))

    def _check_fingerprint(self, group: schema.Host, path: Path) -> None:
        if not group.host_key:
            return
        place = (*path, "hostKey")
        if not FINGERPRINT.fullmatch(group.host_key):
            message = "hostKey must be SHA256: and 43 characters"
            hint = "on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
            self._fault(place, "wrong-value", message, hint)
        if len(group.ips) > 1 or "-" in group.ips[0]:
            message = "hostKey is one host's; this entry has several"
            self._fault(place, "wrong-value", message, "give the host an entry of its own")

    def _beside(self, name: str) -> str:
        """Files named in the Clusterfile are looked for beside it."""
        return name if not name or name.startswith("~") else str(self._folder / name)

    def _registry(self, given: schema.LocalRegistry | None) -> SiteRegistry:
        if given is None:
            return SiteRegistry()
        path = ("spec", "registry", "localRegistry")
        if given.domain and not _DOMAIN.fullmatch(given.domain):
            self._fault((*path, "domain"), "wrong-value", f"{given.domain!r} is no domain name")
        if bool(given.username) != bool(given.password):
            self._fault(path, "wrong-value", "username and password belong together")
        if ":" in given.username or not given.username.isprintable():
            message = "a username can't hold a colon, a line break or another control character"
            self._fault((*path, "username"), "wrong-value", message)
        if not given.password.isprintable():
            self._fault((*path, "password"), "wrong-value", "a password can't hold a control character")
        return SiteRegistry(
            domain=given.domain or REGISTRY_DOMAIN,
            port=given.port or REGISTRY_PORT,
            username=given.username,
            password=Secret(given.password) if given.password else None,
        )

    def _apps(
        self, spec: schema.ClusterSpec, application: tuple[Document, schema.Application] | None
    ) -> tuple[tuple[str, ...] | None, Mapping[str, Mapping[str, str]]]:
        """Which apps to launch instead of the bundle's own list, and their variables.

        An empty list means nothing was chosen, as it does for Sealer.
        """
        names = spec.app_names or []
        self._places |= {
            f"launch/{name}": self._document.locate(("spec", "appNames", number))
            for number, name in enumerate(names)
        }
        if application is None:
            return tuple(names) or None, {}
        document, model = application
        chosen = model.spec.launch_apps or []
        if names and chosen:
            message = "launchApps stands here and appNames in the Cluster: give one of them"
            self.problems.append(document.problem(("spec", "launchApps"), "wrong-value", message))
        self._places |= {
            f"launch/{name}": document.locate(("spec", "launchApps", number))
            for number, name in enumerate(chosen)
        }
        envs: dict[str, Mapping[str, str]] = {}
        for number, config in enumerate(model.spec.configs):
            if config.name in envs:
                path = ("spec", "configs", number, "name")
                message = f"{config.name} is configured twice"
                self.problems.append(document.problem(path, "duplicate-app", message))
            envs[config.name] = config.env
            self._places[f"env/{config.name}"] = document.locate(("spec", "configs", number, "name"))
        return tuple(chosen or names) or None, envs


def _is_master(group: schema.Host) -> bool:
    return any(_ROLES.get(name) is Role.CONTROL_PLANE for name in group.roles)
