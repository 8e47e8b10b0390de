"""What no log, report or message of a site may hold: passwords, keys, logins and variables of its apps."""

from collections.abc import Iterator

from bundler.installer.plan.registry_login import login_of
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.run.redaction import disguises, of_variables
from bundler.installer.site.model import Host, Secret, Site
from bundler.installer.transport.connect import Access, password_of


def site_secrets(site: Site, access: Access, keys: Secrets | None) -> frozenset[str]:
    """All of them, each in the forms in which it may turn up. keys: the site's own, once they are known."""
    found = {secret.reveal() for secret in _passwords(site, access) if secret}
    found |= {value for variables in _variables(site) for value in of_variables(variables)}
    registry = site.registry
    if registry.password:
        found.add(f"{registry.username}:{registry.password.reveal()}")  # in base64 it is the login
    if keys is not None:
        login = login_of(registry, keys.encryption_key)
        found.update((login.password.reveal(), f"{login.username}:{login.password.reveal()}"))
        found.update((keys.ca_key, keys.htpasswd, keys.encryption_key))
        found.update(pair.key for pair in keys.registries.values())
    return frozenset(form for secret in found for form in disguises(secret)) - {""}


def _passwords(site: Site, access: Access) -> Iterator[Secret | None]:
    yield site.registry.password
    yield site.external.password if site.external else None
    jumps = dict.fromkeys(host.login.jump for host in site.hosts)
    bastions = tuple(Host(jump.address, frozenset(), jump.login) for jump in jumps if jump is not None)
    for login in dict.fromkeys(host.login for host in (*site.hosts, *bastions)):
        yield login.key_passphrase
    yield from {host.login: password_of(host, access) for host in (*site.hosts, *bastions)}.values()


def _variables(site: Site) -> Iterator[dict[str, str]]:
    yield dict(site.env)
    yield from (dict(host.env) for host in site.hosts)
    yield from (dict(env) for env in site.app_envs.values())
