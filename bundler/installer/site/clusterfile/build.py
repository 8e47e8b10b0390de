"""From the validated documents to the `Site`: what no single field can tell is checked here."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final

from bundler.core.errors import Problem
from bundler.core.sshkey import FINGERPRINT
from bundler.core.yamldoc import Document, suggest
from bundler.installer.site.clusterfile import addresses, schema
from bundler.installer.site.clusterfile.extras import Extras
from bundler.installer.site.clusterfile.faults import MOST_FAULTS, UNSUPPORTED, Path
from bundler.installer.site.labels import parse_taint
from bundler.installer.site.model import (
    API_NAME,
    REGISTRY_DOMAIN,
    REGISTRY_PORT,
    Alias,
    Bastion,
    Endpoint,
    ExternalEndpoint,
    ExternalRegistry,
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
from bundler.installer.site.windows import WORKERS

_ROLES: Final[Mapping[str, Role]] = {
    "master": Role.CONTROL_PLANE,
    "control-plane": Role.CONTROL_PLANE,
    "node": Role.WORKER,
    "worker": Role.WORKER,
}
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER: Final = re.compile(r"[^\s:/\x00-\x1f\x7f]{1,256}")
_PREFIX: Final = re.compile(r"[a-z0-9._-]+(/[a-z0-9._-]+)*/?")
_DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(slots=True)
class ClusterfileParts:
    """What was read of a Clusterfile, each with the document it stands in."""

    cluster: tuple[Document, schema.Cluster] | None = None
    application: tuple[Document, schema.Application] | None = None
    configs: list[tuple[Document, schema.Config]] = field(default_factory=list)
    plugins: list[tuple[Document, schema.Plugin]] = field(default_factory=list)
    kubeadm: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine that the Clusterfile names in `field`. opens: its key's passphrase is given."""

    name: str
    place: Path
    field: str
    opens: bool = False


class Builder:
    """Makes a Site, collecting problems on the way; the Site is worth something only when there are none."""

    def __init__(self, document: Document, folder: PurePath) -> None:
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.local: list[LocalFile] = []
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
            self.notices.append(f"{where}: `image` is ignored: this file is the image")
        if spec.container_runtime.type != "containerd":
            self._fault(("spec", "containerRuntime", "type"), UNSUPPORTED, "docker is not supported yet")
        if spec.container_runtime.version:
            place = self.locate(("spec", "containerRuntime", "version"))
            self.notices.append(f"{place}: `version` is ignored: containerd comes from the bundle")
        extras = self._extras(cluster, parts)
        return Site(
            name=cluster.metadata.name or "cluster",
            hosts=tuple(sorted(self._marked(hosts, extras), key=lambda host: not host.is_control_plane)),
            env=spec.env,
            registry=self._registry(spec.registry.local_registry),
            external=self._external(spec.registry),
            endpoint=self._endpoint(spec.endpoint, hosts),
            kubeadm=parts.kubeadm,
            documents=parts.documents,
            dns=tuple(spec.dns),
            ntp=tuple(spec.ntp),
            snapshots=TimedSnapshots(spec.snapshots.every, spec.snapshots.keep) if spec.snapshots else None,
            unavailable=spec.max_unavailable,
            launch=extras.launch,
            app_envs=extras.app_envs,
            app_commands=extras.app_commands,
            app_deletes=extras.app_deletes,
            commands=extras.commands,
            arguments=spec.cmd_args,
            aliases=tuple(self._aliases(spec)),
            changes=tuple(extras.changes),
            plugins=tuple(extras.plugins),
            data_root=spec.data_root,
            labels=cluster.metadata.labels,
            places=extras.places,
            notices=tuple(self.notices),
        )

    def _extras(self, cluster: schema.Cluster, parts: ClusterfileParts) -> Extras:
        """What other documents say of the site, with its faults."""
        extras = Extras()
        extras.apps(self._document, cluster.spec, parts.application)
        for config in parts.configs:
            extras.config(*config)
        for plugin in parts.plugins:
            extras.plugin(*plugin)
        self.problems += extras.problems
        if any(group.env for group in cluster.spec.hosts) and not parts.plugins:
            number = next(n for n, group in enumerate(cluster.spec.hosts) if group.env)
            where = self.locate(("spec", "hosts", number, "env"))
            self.notices.append(f"{where}: apps don't read a host's own `env`, only plug-ins do")
        return extras

    def _marked(self, hosts: list[Host], extras: Extras) -> list[Host]:
        """With the labels and taints that plug-ins give."""
        known = {host.address for host in hosts}
        for address, (document, _) in extras.named.items():
            if address not in known:
                message = f"data speaks of {address}, which is no host of this file"
                self.problems.append(document.problem(("spec", "data"), "unknown-host", message))
        return [extras.mark(host) for host in hosts]

    def _aliases(self, spec: schema.ClusterSpec) -> Iterator[Alias]:
        """Names of ours lead where the site's own lines say."""
        registry = spec.registry.local_registry
        ours = {API_NAME, (registry.domain if registry else "") or REGISTRY_DOMAIN}
        for number, alias in enumerate(spec.host_aliases):
            for place, name in enumerate(alias.hostnames):
                if name in ours:
                    path = ("spec", "hostAliases", number, "hostnames", place)
                    self._fault(path, "wrong-value", f"{name} is this site's own name, set by the installer")
            yield Alias(alias.ip, tuple(alias.hostnames))

    def problem(self, path: Path, rule: str, message: str, hint: str = "") -> Problem:
        """A fault at a place of the Cluster document."""
        return self._document.problem(path, rule, message, hint=hint)

    def locate(self, path: Path) -> str:
        """A place of the Cluster document, for a note."""
        return str(self._document.locate(path))

    def _fault(self, path: Path, rule: str, message: str, hint: str = "") -> None:
        if len(self.problems) < MOST_FAULTS:
            self.problems.append(self._document.problem(path, rule, message, hint=hint))

    def _check_name(self, name: str) -> None:
        if name and not _NAME.fullmatch(name):
            message = "metadata.name must be lower-case letters, digits and dashes, at most 63"
            self._fault(("metadata", "name"), "wrong-value", message)

    def _hosts(self, spec: schema.ClusterSpec) -> list[Host]:
        hosts: dict[str, Host] = {}
        known: set[addresses.Address] = set()
        for number, group in enumerate(spec.hosts):
            path = ("spec", "hosts", number)
            login = self._login(spec.ssh, group, path)
            labels = self._own_roles(group, path)
            roles = frozenset(_ROLES[name] for name in group.roles if name in _ROLES)
            roles = roles or self._worker(labels, path)
            taints = [parse_taint(text) for text in group.taints]
            has = frozenset(text for taint in taints if not taint.gone for text in taint.texts)
            lacks = frozenset(text for taint in taints if taint.gone for text in taint.texts)
            more = self._more(group, path, known)
            for address in self._addresses(group, path, known):
                hosts[address] = Host(
                    address,
                    roles,
                    login,
                    group.env,
                    labels,
                    group.labels,
                    has,
                    lacks,
                    more,
                    group.group or "",
                )
        self._check_control_plane(spec, list(hosts.values()))
        self._check_groups(spec)
        return list(hosts.values())

    def _check_groups(self, spec: schema.ClusterSpec) -> None:
        known = {WORKERS, *(group.group for group in spec.hosts if group.group)}
        for name in spec.max_unavailable:
            if name and name not in known:
                place = ("spec", "maxUnavailable", name)
                self._fault(
                    place, "wrong-value", f"no host is of the group {name!r}", suggest(name, sorted(known))
                )

    def _more(self, group: schema.Host, path: Path, known: set[addresses.Address]) -> tuple[str, ...]:
        """Further addresses of one host: of the other family, or of another network of it."""
        if not group.addresses:
            return ()
        place = (*path, "addresses")
        if len(group.ips) > 1 or len(addresses.span(group.ips[0])) > 1:
            message = "addresses are one host's; this entry has several"
            self._fault(place, "wrong-value", message, "give the host its own entry")
        found = [next(iter(addresses.span(text))) for text in group.addresses]
        if twice := [each for each in found if each in known or str(each) in group.ips]:
            self._fault(place, "duplicate-host", f"{twice[0]} is listed twice")
        known.update(found)
        return tuple(map(str, found))

    def _own_roles(self, group: schema.Host, path: Path) -> tuple[str, ...]:
        """Roles that are none of ours become labels; one that is nearly one of ours is a slip."""
        own = tuple(dict.fromkeys(name for name in group.roles if name not in _ROLES))
        known = tuple(_ROLES)
        for name in own:
            if len(self.problems) >= MOST_FAULTS:
                break
            if _is_like_a_role(name):
                place = (*path, "roles", group.roles.index(name))
                self._fault(place, "wrong-value", f"{name!r} is no role", suggest(name.lower(), known))
        return own

    def _worker(self, labels: tuple[str, ...], path: Path) -> frozenset[Role]:
        """What a host is that has only the site's own roles: to Sealer, too, all but masters are workers."""
        where = self._document.locate((*path, "roles"))
        told = ", ".join(f"node-role.kubernetes.io/{name}" for name in labels)
        self.notices.append(f"{where}: neither a control plane nor a worker is named: a worker, with {told}")
        return frozenset({Role.WORKER})

    def _addresses(self, group: schema.Host, path: Path, known: set[addresses.Address]) -> Iterator[str]:
        """New ones. However many entries say the same, or however much, the time that it takes is bounded."""
        for number, entry in enumerate(group.ips):
            place = (*path, "ips", number)
            wanted = addresses.span(entry)
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
                told = f"{twice[0]}{others}"
                are = "are" if others else "is"
                self._fault(place, "duplicate-host", f"{told} {are} listed twice")
            yield from (str(each) for each in wanted if each not in known)
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
            self._check_jump(cluster.jump, ("spec", "ssh"))
        self._note_password(own, (*path, "ssh"))
        self._note_files(own, (*path, "ssh"), cluster.pk_passwd)
        self._check_jump(own.jump, (*path, "ssh"))
        passphrase = own.pk_passwd or cluster.pk_passwd
        return Login(
            user=own.user or cluster.user or "root",
            port=own.port or cluster.port or 22,
            key_file=self._beside(own.pk or cluster.pk or ""),
            key_passphrase=Secret(passphrase) if passphrase else None,
            password=self._password(own) or self._password(cluster),
            fingerprint=group.host_key,
            jump=self._jump(own.jump or cluster.jump),
        )

    def _jump(self, given: schema.Jump | None) -> Bastion | None:
        if given is None:
            return None
        login = Login(
            user=given.user or "root",
            port=given.port or 22,
            key_file=self._beside(given.pk or ""),
            key_passphrase=Secret(given.pk_passwd) if given.pk_passwd else None,
            password=self._password(given),
            fingerprint=given.host_key,
        )
        return Bastion(given.host, login)

    def _check_jump(self, given: schema.Jump | None, path: Path) -> None:
        if given is None:
            return
        place = (*path, "jump")
        self._note_password(given, place)
        self._note_files(given, place)
        self._check_user(given, place)
        if given.host_key and not FINGERPRINT.fullmatch(given.host_key):
            self._fault((*place, "hostKey"), "wrong-value", "hostKey must be SHA256: and 43 characters")

    def _check_user(self, ssh: schema.Ssh | schema.Jump, path: Path) -> None:
        if ssh.user is not None and not _USER.fullmatch(ssh.user):
            message = "ssh.user must be a login name: no blanks, colons or control characters"
            self._fault((*path, "user"), "wrong-value", message)

    def _password(self, ssh: schema.Ssh | schema.Jump) -> PasswordSource | None:
        if ssh.password_file:
            return PasswordFile(self._beside(ssh.password_file))
        if ssh.password_env:
            return PasswordEnv(ssh.password_env)
        return Secret(ssh.passwd) if ssh.passwd else None

    def _note_password(self, ssh: schema.Ssh | schema.Jump, path: Path) -> None:
        if isinstance(ssh, schema.Ssh) and ssh.encrypted:
            message = "a password encrypted by Sealer can be decrypted by anyone who has Sealer"
            hint = "write passwordFile or passwordEnv (apiVersion bundler/v1), or use --ask-password"
            self._fault((*path, "encrypted"), "wrong-value", message, hint)
        given = [each for each in (ssh.passwd, ssh.password_file, ssh.password_env) if each]
        if len(given) > 1:
            self._fault(path, "wrong-value", "only one of passwd, passwordFile and passwordEnv can be given")
        if ssh.passwd:
            where = self._document.locate((*path, "passwd"))
            better = "passwordFile, passwordEnv (apiVersion bundler/v1) or --ask-password"
            self.notices.append(f"{where}: a password in plain text; better: {better}")

    def _note_files(self, ssh: schema.Ssh | schema.Jump, path: Path, passphrase: str | None = None) -> None:
        if ssh.pk:
            opens = bool(ssh.pk_passwd or passphrase)
            self.local.append(LocalFile(self._beside(ssh.pk), (*path, "pk"), "pk", opens=opens))
        if ssh.password_file:
            place = (*path, "passwordFile")
            self.local.append(LocalFile(self._beside(ssh.password_file), place, "passwordFile"))

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
            self._fault(place, "wrong-value", message, "give the host its own entry")

    def _beside(self, name: str) -> str:
        """Files named in the Clusterfile are looked for beside it."""
        return name if not name or name.startswith("~") else str(self._folder / name)

    def _external(self, registry: schema.Registry) -> ExternalRegistry | None:
        given = registry.external_registry
        if given is None:
            return None
        path = ("spec", "registry", "externalRegistry")
        if registry.local_registry is not None:
            self._fault(path, "wrong-value", "only one of localRegistry and externalRegistry can be given")
        if bool(given.username) != bool(given.password):
            self._fault(path, "wrong-value", "username and password belong together")
        if given.prefix and (not _PREFIX.fullmatch(given.prefix) or ".." in given.prefix):
            self._fault((*path, "prefix"), "wrong-value", f"{given.prefix!r} is no path in lower case")
        if given.ca:
            self.local.append(LocalFile(self._beside(given.ca), (*path, "ca"), "ca"))
        return ExternalRegistry(
            domain=given.domain,
            port=given.port or 443,
            username=given.username,
            password=Secret(given.password) if given.password else None,
            prefix=given.prefix.strip("/"),
            ca_file=self._beside(given.ca),
        )

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
        if given.insecure:
            where = self.locate((*path, "insecure"))
            self.notices.append(f"{where}: `insecure` is not needed: every node trusts the site's registry")
        names = given.cert.subject_alt_name if given.cert else None
        return SiteRegistry(
            names=(*names.dns_names, *names.ips) if names else (),
            domain=given.domain or REGISTRY_DOMAIN,
            port=given.port or REGISTRY_PORT,
            username=given.username,
            password=Secret(given.password) if given.password else None,
        )


@lru_cache(maxsize=1024)
def _is_like_a_role(name: str) -> bool:
    """Whether a role of the site's own looks like a slip of the pen; every host may have it."""
    return bool(get_close_matches(name.lower(), tuple(_ROLES), n=1, cutoff=0.75))


def _is_master(group: schema.Host) -> bool:
    return any(_ROLES.get(name) is Role.CONTROL_PLANE for name in group.roles)
